import type { ServiceName } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import type { Sql } from '../../shared/outbox/index.ts'
import { databaseNameOf, databaseUrlOf } from '../infra/provision.ts'
import type { Settings } from './settings.ts'

/** One service's database, on a session of our own. */
export interface OutboxDatabase {
  service: ServiceName
  name: string
  sql: Sql
}

/** Opens the databases of some services and sees that they are what they must be. Throws Refused and Unavailable. */
export const withOutboxes = <Result>(
  settings: Settings,
  services: readonly ServiceName[],
  use: (outboxes: OutboxDatabase[]) => Promise<Result>,
): Promise<Result> => {
  const open = (left: readonly ServiceName[], opened: OutboxDatabase[]): Promise<Result> => {
    const [service, ...more] = left
    if (service === undefined) return use(opened)
    return withOutbox(settings, service, (outbox) => open(more, [...opened, outbox]))
  }
  return open(services, [])
}

const withOutbox = async <Result>(
  { postgresUrl, sagaNamespace }: Settings,
  service: ServiceName,
  use: (outbox: OutboxDatabase) => Promise<Result>,
): Promise<Result> => {
  const name = databaseNameOf(service, sagaNamespace)
  const url = databaseUrlOf(service, postgresUrl, sagaNamespace)
  const host = new URL(postgresUrl).host
  let connected = false
  try {
    return await withClient(url, async (client) => {
      connected = true
      const sql: Sql = {
        $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
          (await client.query(text, values)).rows as Rows,
        $executeRawUnsafe: async (text, ...values) => (await client.query(text, values)).rowCount ?? 0,
      }
      await checkTables(sql, name, host)
      return await use({ service, name, sql })
    })
  } catch (error) {
    if (!connected && (error as { code?: unknown }).code === '3D000')
      throw noOutbox(name, host, 'is not there')
    throw error
  }
}

const noOutbox = (name: string, host: string, why: string) =>
  new Refused('not_found', `The database ${name} on ${host} ${why}.`, {
    code: 'outbox.none',
    next: 'check POSTGRES_URL and SAGA_NAMESPACE; npm run migrate makes the databases',
  })

const checkTables = async (sql: Sql, name: string, host: string) => {
  const [found] = await sql.$queryRawUnsafe<Record<string, boolean>[]>(
    `select to_regclass('outbox') is not null as outbox, to_regclass('inbox') is not null as inbox,
       to_regclass('outbox_replays') is not null as replays`,
  )
  if (!found?.outbox || !found.inbox) throw noOutbox(name, host, 'is no outbox: it has no outbox table')
  if (!found.replays) throw noOutbox(name, host, 'is of an older version: it has no table for replays')
}
