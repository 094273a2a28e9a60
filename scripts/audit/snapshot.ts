import type pg from 'pg'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { databaseUrlOf } from '../infra/provision.ts'

export type DatabaseUrls = Record<ServiceName, string>

/** What a database looked like at one moment: nothing that is committed later is seen. */
export interface Snapshot {
  client: pg.Client
  /** When it was taken, by the database's clock. */
  at: Date
}
export type Snapshots = Record<ServiceName, Snapshot>

export const databaseUrlsOf = (postgresUrl: string, namespace: string): DatabaseUrls => ({
  order: databaseUrlOf('order', postgresUrl, namespace),
  product: databaseUrlOf('product', postgresUrl, namespace),
  user: databaseUrlOf('user', postgresUrl, namespace),
})

/**
 * Runs `use` on one read-only snapshot of each database. The order database's is taken first: what its orders say is settled
 * had happened before the other two are looked at. Throws Refused when a database is not the project's, Unavailable when it is not there.
 */
export const withSnapshots = async <R>(
  urls: DatabaseUrls,
  use: (snapshots: Snapshots) => Promise<R>,
): Promise<R> => {
  const open = async (left: readonly ServiceName[], taken: Partial<Snapshots>): Promise<R> => {
    const [service, ...rest] = left
    if (service === undefined) return use(taken as Snapshots)
    return withDatabaseOf(service, urls[service], async (client) =>
      open(rest, { ...taken, [service]: await takeSnapshot(client) }),
    )
  }
  return open(services, {})
}

const takeSnapshot = async (client: pg.Client): Promise<Snapshot> => {
  await client.query('begin isolation level repeatable read read only')
  // A cursor here is always read to its end; sorts of a million rows stay in memory as far as they can.
  await client.query(
    "set local cursor_tuple_fraction = 1; set local work_mem = '64MB'; set local jit = off; set local statement_timeout = 0",
  )
  const { rows } = await client.query<{ at: Date }>('select now() as at')
  return { client, at: rows[0]!.at }
}

const tablesOf: Record<ServiceName, readonly string[]> = {
  order: ['orders', 'order_items', 'order_status_history', 'outbox', 'inbox'],
  product: ['products', 'reservations', 'stock_movements', 'outbox', 'inbox'],
  user: ['users', 'payments', 'ledger', 'outbox', 'inbox'],
}

const withDatabaseOf = async <R>(
  service: ServiceName,
  url: string,
  use: (client: pg.Client) => Promise<R>,
): Promise<R> => {
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  try {
    return await withClient(url, async (client) => {
      const { rows } = await client.query<{ missing: string }>(
        'select name as missing from unnest($1::text[]) as name where to_regclass(quote_ident(name)) is null',
        [tablesOf[service]],
      )
      if (rows[0] !== undefined) throw notOurs(name, `has no table ${rows[0].missing}`)
      return use(client)
    })
  } catch (error) {
    if ((error as { code?: unknown }).code === '3D000') throw notOurs(name, 'does not exist')
    throw error
  }
}

const notOurs = (name: string, what: string) =>
  new Refused('not_found', `Database ${name} ${what}.`, {
    code: 'audit.no_database',
    next: 'check POSTGRES_URL and SAGA_NAMESPACE; npm run migrate makes the databases',
  })
