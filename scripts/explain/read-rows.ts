import type pg from 'pg'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { consumerOf } from '../audit/hearing.ts'
import { databaseNameOf, databaseUrlOf } from '../infra/index.ts'
import type { InboxRow, OrderRow, OrderRows, OutboxRow, StateRow, Traces, UnreadableTable } from './rows.ts'

/** The three connections, each in a read-only transaction of its own that sees one moment. */
export type Clients = Record<ServiceName, pg.Client>

const sqlState = (error: unknown) => (error as { code?: unknown }).code
/** Long enough for a busy service's short locks, short enough that a person does not wait for a long one. */
const lockTimeoutMs = 1_500

/**
 * Runs `use` on the three databases. Throws Refused when one of them is not the project's, Unavailable when one is not there. What is
 * locked for good is not waited for.
 */
export const withClients = async <R>(
  postgresUrl: string,
  namespace: string,
  use: (clients: Clients) => Promise<R>,
): Promise<R> => {
  const open = async (left: readonly ServiceName[], opened: Partial<Clients>): Promise<R> => {
    const [service, ...rest] = left
    if (service === undefined) return use(opened as Clients)
    try {
      return await withClient(databaseUrlOf(service, postgresUrl, namespace), async (client) => {
        await client.query(
          `set application_name = 'explain'; set lock_timeout = ${lockTimeoutMs}; set statement_timeout = 10000;
           set default_transaction_read_only = on`,
        )
        return open(rest, { ...opened, [service]: client })
      })
    } catch (error) {
      if (sqlState(error) !== '3D000' && sqlState(error) !== '42P01') throw error
      throw notOurs(databaseNameOf(service, namespace), sqlState(error) === '3D000')
    }
  }
  return open(services, {})
}

const notOurs = (name: string, isMissing: boolean) =>
  new Refused(
    'not_found',
    isMissing ? `Database ${name} does not exist.` : `Database ${name} lacks tables of the service.`,
    {
      code: 'explain.no_database',
      next: 'check POSTGRES_URL and SAGA_NAMESPACE; npm run migrate makes the databases',
    },
  )

type Ask = <Row extends object>(
  service: ServiceName,
  table: string,
  sql: string,
  values: unknown[],
) => Promise<Row[]>

/** Undefined when there is no such order, and `orders` could be read. */
export const readRows = async (clients: Clients, orderId: string): Promise<OrderRows | undefined> => {
  const { order, ...traces } = await readAll(clients, orderId)
  if (order === undefined) return undefined
  const { history, ...row } = order
  return { order: row, history, ...traces }
}

const readAll = async (clients: Clients, orderId: string) => {
  const unreadable: UnreadableTable[] = []
  const ask: Ask = async (service, table, sql, values) => {
    const client = clients[service]
    await client.query('savepoint looking')
    try {
      return (await client.query(sql, values)).rows
    } catch (error) {
      if (sqlState(error) !== '55P03') throw error
      await client.query('rollback to savepoint looking')
      unreadable.push({ service, table })
      return []
    }
  }
  for (const service of services) await clients[service].query('begin isolation level repeatable read')
  try {
    const { rows } = await clients.order.query<{ now: Date }>('select clock_timestamp() as now')
    const order = await readOrder(ask, orderId)
    const outbox = await Promise.all(services.map((service) => readOutbox(ask, service, orderId)))
    const ids = outbox.flat().map(({ eventId }) => eventId)
    const inbox = await Promise.all(services.map((service) => readInbox(ask, service, ids)))
    const [product, user] = [await readProduct(ask, orderId), await readUser(ask, orderId)]
    if (unreadable.some(({ table }) => table === 'orders')) throw new OrdersUnreadable(unreadable)
    return {
      order,
      outbox: outbox.flat(),
      inbox: inbox.flat(),
      ...product,
      ...user,
      unreadable,
      readAt: rows[0]!.now,
    }
  } finally {
    for (const service of services) await clients[service].query('rollback').catch(() => {})
  }
}

/** What there is of an order that has no row of its own. */
export const readTraces = async (clients: Clients, orderId: string): Promise<Traces> =>
  readAll(clients, orderId)

/** Whether there is such an order can't be told: its table is locked. */
export class OrdersUnreadable extends Error {
  readonly unreadable: readonly UnreadableTable[]

  constructor(unreadable: readonly UnreadableTable[]) {
    super('the table orders is locked')
    this.name = 'OrdersUnreadable'
    this.unreadable = unreadable
  }
}

const readOrder = async (ask: Ask, orderId: string) => {
  const [order] = await ask<OrderRow>(
    'order',
    'orders',
    `select id, user_id as "userId", status::text, reason, mode::text, total::float8 as total,
       created_at as "createdAt", updated_at as "updatedAt" from orders where id = $1`,
    [orderId],
  )
  if (order === undefined) return undefined
  const history = await ask<OrderRows['history'][number]>(
    'order',
    'order_status_history',
    'select status::text, reason, at from order_status_history where order_id = $1 order by id',
    [orderId],
  )
  return { ...order, history }
}

const readOutbox = async (ask: Ask, service: ServiceName, orderId: string): Promise<OutboxRow[]> => {
  const rows = await ask<Omit<OutboxRow, 'service'>>(
    service,
    'outbox',
    `select id::text, event_id as "eventId", type, payload, headers ->> 'cloudEvents:causationid' as "causationId",
       created_at as "createdAt", published_at as "publishedAt", attempts, last_error as "lastError", parked_at as "parkedAt"
     from outbox where aggregate_id = $1 order by outbox.id`,
    [orderId],
  )
  return rows.map((row) => ({ ...row, causationId: row.causationId ?? undefined, service }))
}

const readInbox = async (ask: Ask, service: ServiceName, ids: readonly string[]): Promise<InboxRow[]> => {
  const rows = await ask<Omit<InboxRow, 'service'>>(
    service,
    'inbox',
    `select event_id as "eventId", handled_at as "handledAt" from inbox
     where event_id = any($1::uuid[]) and consumer = $2`,
    [ids, consumerOf(service)],
  )
  return rows.map((row) => ({ ...row, service }))
}

const stateColumns = 'status::text, reason, created_at as "createdAt", updated_at as "updatedAt"'

const readProduct = async (ask: Ask, orderId: string) => {
  const [reservation] = await ask<StateRow>(
    'product',
    'reservations',
    `select ${stateColumns} from reservations where order_id = $1`,
    [orderId],
  )
  const movements = await ask<OrderRows['movements'][number]>(
    'product',
    'stock_movements',
    `select kind::text, min(created_at) as at, count(*)::int as lines
     from stock_movements where order_id = $1 group by kind order by at`,
    [orderId],
  )
  return { reservation, movements }
}

const readUser = async (ask: Ask, orderId: string) => {
  const [payment] = await ask<StateRow>(
    'user',
    'payments',
    `select ${stateColumns} from payments where order_id = $1`,
    [orderId],
  )
  const ledger = await ask<OrderRows['ledger'][number]>(
    'user',
    'ledger',
    `select kind::text, created_at as at, amount::float8 as amount from ledger where order_id = $1 order by id`,
    [orderId],
  )
  return { payment, ledger }
}
