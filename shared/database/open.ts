import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { backoffMs, classifyDatabaseError, sqlState, Unavailable } from '../failure/index.ts'
import { AnsweredClient } from './client.ts'
import type { Sql } from './sql.ts'
import { createStatementNames } from './statement-names.ts'
import { createTransactions } from './transactions.ts'

/** What a generated Prisma client must offer; every one does. */
export interface PrismaLike extends Sql {
  $disconnect(): Promise<void>
}

/** What there is to count. None may throw. */
export interface DatabaseObserver {
  /** A transaction was asked for; its tries are one. */
  transaction?(): void
  /** It lost a conflict, and is tried again. */
  retried?(sqlState: string): void
}

export interface DatabaseOptions {
  url: string
  /** Shown in pg_stat_activity. */
  name: string
  poolSize: number
  /** A table that only its databases have: one without it is another service's, or not migrated, and `ping` says so. */
  ownTable?: string
  onError?: (error: Error) => void
  observer?: DatabaseObserver
}

export interface Database<Client extends PrismaLike = PrismaLike> {
  /** For what is one statement, and for transactions of Prisma's own. */
  client: Client
  /**
   * Runs `work` in one transaction and commits. Lost conflicts are tried again with jitter, so `work` does nothing but SQL.
   * Throws Unavailable when the database can't be had in time: nothing is committed then, unless the connection was lost during the
   * COMMIT, when that is not known. Throws whatever `work` throws otherwise.
   */
  transaction<R>(work: (tx: Sql) => Promise<R>): Promise<R>
  /** Resolves when the database answers, and is the one it should be; throws Unavailable. */
  ping(): Promise<void>
  close(): Promise<void>
}

// Limits nest: a lock gives up before its statement, a statement before its connection, and that before its transaction, so the first
// one names the cause.
const lockTimeoutMs = 2_000
const statementTimeoutMs = 5_000
const idleInTransactionTimeoutMs = 10_000
const transactionTimeoutMs = 8_000
const poolWaitMs = 2_000
const connectionLifetimeSeconds = 1_800
const tcpUserTimeoutMs = 15_000
const conflictRetries = 5
/** SQLSTATE of a plan that was made before a migration. */
const stalePlan = '0A000'

const sessionSettings = [
  // The plan of a named statement is kept, also one that was made while its tables were empty: so each is told to go by keys.
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
  `lock_timeout=${lockTimeoutMs}`,
  `statement_timeout=${statementTimeoutMs}`,
  `idle_in_transaction_session_timeout=${idleInTransactionTimeoutMs}`,
  'tcp_keepalives_idle=10',
  'tcp_keepalives_interval=5',
  'tcp_keepalives_count=3',
  `tcp_user_timeout=${tcpUserTimeoutMs}`,
]
  .map((setting) => `-c ${setting}`)
  .join(' ')

/** `pg` lets the URL win over everything else, so our settings go into the URL, after its own. */
const withSettings = (databaseUrl: string): string => {
  const url = new URL(databaseUrl)
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${sessionSettings}`.trim())
  return url.toString()
}

/** What the server says when it answers, and time alone mends nothing. */
const refusals: Record<string, string> = {
  '28000': 'it does not let this user in',
  '28P01': 'it does not let this user in',
  '42501': 'this user may not do what it must',
  '3D000': 'there is no such database',
  '42P01': 'a table is missing',
}

const unavailable = (cause: unknown) => {
  const state = sqlState(cause) ?? ''
  const refusal = refusals[state]
  if (refusal === undefined)
    return new Unavailable('The database did not answer in time.', {
      code: 'database.unavailable',
      next: 'Try again; if it lasts, see that PostgreSQL runs and accepts connections.',
      cause,
    })
  return new Unavailable(
    `The database can't be used: ${refusal} (SQLSTATE ${state}). Run npm run migrate, or correct DATABASE_URL.`,
    { code: 'database.unusable', next: 'Run npm run migrate, or correct DATABASE_URL.', cause },
  )
}

/** Opens a pool for one service's database. Connects lazily: only `ping` tells whether it is there. */
export const openDatabase = <Client extends PrismaLike>(
  createClient: (adapter: PrismaPg) => Client,
  { url, name, poolSize, ownTable, onError = () => {}, observer = {} }: DatabaseOptions,
): Database<Client> => {
  const names = createStatementNames()
  const pool = new pg.Pool({
    connectionString: withSettings(url),
    application_name: name,
    max: poolSize,
    connectionTimeoutMillis: poolWaitMs,
    maxLifetimeSeconds: connectionLifetimeSeconds,
    keepAlive: true,
    pipeline: true,
    Client: AnsweredClient,
  })
  pool.on('connect', (connection) => connection.on('error', onError))
  // Of one that is idle; its own listener has told it.
  pool.on('error', () => {})
  const client = createClient(new PrismaPg(pool, { statementNameGenerator: ({ sql }) => names.nameOf(sql) }))
  const once = createTransactions(pool, { names, timeoutMs: transactionTimeoutMs })

  const transaction = async <R>(work: (tx: Sql) => Promise<R>): Promise<R> => {
    observer.transaction?.()
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once(work)
      } catch (error) {
        if (sqlState(error) === stalePlan) names.renew()
        const kind = classifyDatabaseError(error)
        if (kind === 'unavailable') throw unavailable(error)
        // A decision looks before it inserts, so a unique violation means that another transaction came between.
        const overtaken = sqlState(error) === '23505'
        if (!(kind === 'conflict' || overtaken)) throw error
        if (attempt === conflictRetries) throw overtaken ? error : unavailable(error)
        observer.retried?.(sqlState(error) as string)
        await sleep(backoffMs(attempt, { firstMs: 20, capMs: 500 }))
      }
    }
  }

  const ping = async () => {
    try {
      await client.$queryRawUnsafe(ownTable === undefined ? 'select 1' : `select 1 from ${ownTable} limit 0`)
    } catch (error) {
      throw error instanceof Unavailable ? error : unavailable(error)
    }
  }

  const close = async () => {
    await client.$disconnect()
    await pool.end()
  }
  return { client: asksAgain(client, names.renew), transaction, ping, close }
}

/** The client, whose statements outside a transaction are sent once more when their plan is from before a migration. */
const asksAgain = <Client extends Sql>(client: Client, renew: () => void): Client => {
  const again =
    (send: Sql['$executeRawUnsafe']): typeof send =>
    async (sql, ...values) => {
      try {
        return await send(sql, ...values)
      } catch (error) {
        // The server refused it before it did anything.
        if (sqlState(error) !== stalePlan) throw error
        renew()
        return send(sql, ...values)
      }
    }
  const sent: Sql = {
    $queryRawUnsafe: again((sql, ...values) =>
      client.$queryRawUnsafe(sql, ...values),
    ) as Sql['$queryRawUnsafe'],
    $executeRawUnsafe: again((sql, ...values) => client.$executeRawUnsafe(sql, ...values)),
  }
  return new Proxy(client, { get: (target, key) => Reflect.get(key in sent ? sent : target, key) })
}
