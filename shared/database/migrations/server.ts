import pg from 'pg'
import { classifyDatabaseError, describe, sqlState, Unavailable } from '../../failure/index.ts'

/** The same server and credentials, another database. */
export function databaseOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** For what takes milliseconds, or seconds on a machine that is busy. */
export const shortQueryMs = 60_000
/** A migration or an audit of millions of rows takes minutes; a server that stands still takes for ever. */
export const longestQueryMs = 3_600_000

/**
 * Runs `use` on a connection of its own, closed afterwards. Throws Unavailable when there is no connection to be had, when it was lost,
 * and when a query has no answer after `queryTimeoutMs`.
 */
export async function withClient<Result>(
  url: string,
  use: (client: pg.Client) => Promise<Result>,
  { queryTimeoutMs = longestQueryMs }: { queryTimeoutMs?: number } = {},
): Promise<Result> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: queryTimeoutMs,
  })
  let lost = false
  // The query in flight fails by itself; without a listener the process would end.
  client.on('error', () => {
    lost = true
  })
  try {
    await client.connect()
  } catch (cause) {
    await client.end().catch(() => {})
    if (isMissingDatabase(cause)) throw cause
    throw new Unavailable(`PostgreSQL at ${new URL(url).host}: ${reasonOf(cause)}`, {
      code: 'postgres.unavailable',
      next: 'check that PostgreSQL runs and that the URL names it, a user of it and the password',
      cause,
    })
  }
  try {
    return await use(client)
  } catch (cause) {
    if (isHangingUp(cause) || (lost && isOfLostConnection(cause)))
      throw new Unavailable(`PostgreSQL at ${new URL(url).host} closed the connection: ${describe(cause)}`, {
        code: 'postgres.unavailable',
        next: 'see whether PostgreSQL was stopped or restarted; when it runs again, go on',
        cause,
      })
    if (!isUnanswered(cause)) throw cause
    throw new Unavailable(`PostgreSQL at ${new URL(url).host}: a query was not answered in time`, {
      code: 'postgres.unavailable',
      next: 'see whether PostgreSQL stands still, or who holds the lock: select * from pg_stat_activity',
      cause,
    })
  } finally {
    await client.end().catch(() => {})
  }
}

/** Class 08, and the shutdowns of class 57: the server's last words. */
const isHangingUp = (error: unknown): boolean => /^(08...|57P0.)$/.test(sqlState(error) ?? '')
/** What the driver says of a connection that it has lost. */
const isOfLostConnection = (error: unknown): boolean =>
  !(error instanceof Unavailable) &&
  sqlState(error) === undefined &&
  classifyDatabaseError(error) === 'unavailable'

/** What the driver says when `query_timeout` is over. The server may still be at work on it until the connection is closed. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout'

/** The driver says of a password that the URL has not only that it is no string. */
const reasonOf = (cause: unknown): string => {
  const reason = describe(cause)
  return reason.includes('client password must be a string')
    ? 'it asks for a password, and the URL has none'
    : reason
}

const sqlStateOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code
const isMissingDatabase = (error: unknown): boolean => sqlStateOf(error) === '3D000'
/** Somebody else made it between our look and our CREATE. */
const alreadyThere = new Set<unknown>(['42P04', '23505'])

/** Creates the database of `url` when it is missing. Answers whether it did. */
export async function ensureDatabase(url: string): Promise<boolean> {
  const missing = await withClient(url, async () => false).catch((error) => {
    if (isMissingDatabase(error)) return true
    throw error
  })
  if (!missing) return false
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  const create = async (client: pg.Client): Promise<boolean> => {
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      return true
    } catch (error) {
      if (alreadyThere.has(sqlStateOf(error))) return false
      throw error
    }
  }
  return withClient(databaseOf(url, 'postgres'), create, { queryTimeoutMs: shortQueryMs })
}
