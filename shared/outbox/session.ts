import { Socket } from 'node:net'
import pg from 'pg'
import type { Sql } from './sql.ts'

export interface SessionOptions {
  databaseUrl: string
  /** PostgreSQL drops a session that says nothing for so long, and its advisory lock with it. */
  leaseMs: number
  onNotification: () => void
  onLost: (error: Error | undefined) => void
}

const connectTimeoutMs = 5000
const statementTimeoutMs = 5000
/** Longer than the server's limit: only a server that is gone makes us wait so long. */
const answerTimeoutMs = 10_000
const goodbyeMs = 1000

/**
 * Marks are not waited for on disk: one that is lost with a crash of the server is an event that goes out again under its id,
 * as it does when the relay is killed before the mark.
 */
const settings = (leaseMs: number): string =>
  Object.entries({
    idle_session_timeout: leaseMs,
    idle_in_transaction_session_timeout: leaseMs,
    statement_timeout: statementTimeoutMs,
    lock_timeout: 2000,
    synchronous_commit: 'off',
    // Plans are made once a session, and as well as there will ever be: also those of an empty table go by its keys.
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    enable_hashjoin: 'off',
    enable_mergejoin: 'off',
    jit: 'off',
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 5,
    tcp_keepalives_count: 3,
    tcp_user_timeout: 15_000,
  })
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')

/** `pg` lets the URL win over everything else, so our settings go into the URL, after its own. */
const withSettings = (databaseUrl: string, leaseMs: number): string => {
  const url = new URL(databaseUrl)
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${settings(leaseMs)}`.trim())
  return url.toString()
}

/** Class 08, and the shutdowns of class 57: the server hangs up. It translates its words, and even `severity`, but no code. */
const hangingUp = /^(08...|57P0.)$/

/** Whether the connection is gone by this error: the server hung up, or it was not the server who said so. */
export const isLost = (error: unknown): boolean =>
  !(error instanceof pg.DatabaseError) || error.code === undefined || hangingUp.test(error.code)

/** A plan from before a migration; the next session makes it anew. */
const isStalePlan = (error: unknown): boolean => (error as { code?: unknown }).code === '0A000'

/**
 * One connection of the relay's own. Everything it is entitled to (lock, LISTEN) lives and dies with it: there is no
 * reconnecting inside, so whoever holds a lost session can change nothing any more.
 */
export const openSession = async ({ databaseUrl, leaseMs, onNotification, onLost }: SessionOptions) => {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: withSettings(databaseUrl, leaseMs),
    application_name: 'outbox-relay',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    stream: () => socket,
  })
  let alive = true
  let lastSaidAt = performance.now()
  const lose = (error?: Error) => {
    if (!alive) return
    alive = false
    socket.destroy()
    onLost(error)
  }
  client.on('error', lose)
  client.on('end', () => lose())
  client.on('notification', onNotification)
  try {
    await client.connect()
  } catch (error) {
    alive = false
    socket.destroy()
    throw error
  }

  const names = new Map<string, string>()
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `relay_${names.size}`
    names.set(text, name)
    return name
  }
  const run = async (text: string, values: unknown[]) => {
    if (!alive) throw new Error('the relay has lost its database session')
    lastSaidAt = performance.now()
    try {
      return await client.query({ name: nameOf(text), text, values })
    } catch (error) {
      if (isLost(error) || isStalePlan(error)) lose(error as Error)
      throw error
    }
  }
  const sql: Sql = {
    $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
      (await run(text, values)).rows as Rows,
    $executeRawUnsafe: async (text, ...values) => (await run(text, values)).rowCount ?? 0,
  }
  const close = async () => {
    if (!alive) return
    alive = false
    const hardly = setTimeout(() => socket.destroy(), goodbyeMs)
    await client.end().catch(() => socket.destroy())
    clearTimeout(hardly)
  }
  return { sql, close, isAlive: () => alive, silentForMs: () => performance.now() - lastSaidAt }
}

export type Session = Awaited<ReturnType<typeof openSession>>
