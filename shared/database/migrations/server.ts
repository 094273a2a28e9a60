import pg from 'pg'
import { describe, Unavailable } from '../../failure/index.ts'

/** The same server and credentials, another database. */
export function databaseOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Runs `use` on a connection of its own, closed afterwards. Throws Unavailable when there is no connection to be had. */
export async function withClient<Result>(
  url: string,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query in flight fails by itself; without a listener the process would end
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
  } finally {
    await client.end().catch(() => {})
  }
}

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
  return withClient(databaseOf(url, 'postgres'), async (client) => {
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      return true
    } catch (error) {
      if (alreadyThere.has(sqlStateOf(error))) return false
      throw error
    }
  })
}
