import { v7 as uuidv7 } from 'uuid'
import { choreography as order } from '../../../services/order/choreography.ts'
import { openOrderDatabase } from '../../../services/order/database.ts'
import type { PlaceOrder } from '../../../services/order/domain.ts'
import { choreography as product } from '../../../services/product/choreography.ts'
import { openProductDatabase } from '../../../services/product/database.ts'
import { insertProduct } from '../../../services/product/records.ts'
import { restock } from '../../../services/product/restock.ts'
import { choreography as user } from '../../../services/user/choreography.ts'
import { openUserDatabase } from '../../../services/user/database.ts'
import { insertUser } from '../../../services/user/records.ts'
import {
  type DomainEvent,
  events,
  type Line,
  type Mode,
  type ServiceName,
  services,
} from '../../../shared/contracts/index.ts'
import { withClient } from '../../../shared/database/migrations/index.ts'
import { serviceExchange } from '../../../shared/messaging/index.ts'
import { append, insertNew, type Sql } from '../../../shared/outbox/index.ts'
import type { Input, Table } from '../../../shared/saga/index.ts'
import { react } from '../../../shared/testing/index.ts'
import { consumerOf, listeners } from '../hearing.ts'
import type { DatabaseUrls } from '../snapshot.ts'

/** An event in somebody's outbox. */
export interface Said {
  id: string
  event: DomainEvent
}

type Ask = (input: Input, how?: { messageId?: string; silent?: boolean }) => Promise<Said[]>

/**
 * The three services without their processes: the same decisions, stores, inboxes and outboxes, in the same transactions, driven by
 * hand. What is said counts as published at once.
 */
export const openSystem = async <R>(
  urls: DatabaseUrls,
  use: (system: SagaByHand) => Promise<R>,
): Promise<R> => {
  const databases = {
    order: openOrderDatabase({ url: urls.order, name: 'audit test', poolSize: 2 }),
    product: openProductDatabase({ url: urls.product, name: 'audit test', poolSize: 2 }),
    user: openUserDatabase({ url: urls.user, name: 'audit test', poolSize: 2 }),
  }
  try {
    const ask = {
      order: askOf('order', databases.order.transaction, order),
      product: askOf('product', databases.product.transaction, product),
      user: askOf('user', databases.user.transaction, user),
    }
    return await use({ ...byHand(ask), records: recordsOf(databases) })
  } finally {
    for (const service of services) await databases[service].close()
  }
}

const askOf =
  <Tx extends Sql, World, State>(
    service: ServiceName,
    transaction: <R>(work: (tx: Tx) => Promise<R>) => Promise<R>,
    table: Table<Tx, World, State>,
  ): Ask =>
  (input, { messageId, silent = false } = {}) =>
    transaction(async (tx) => {
      if (messageId !== undefined && (await insertNew(tx, consumerOf(service), [messageId])).size === 0)
        return []
      const said = (await react(tx, table, [input])).map((event) => ({ id: uuidv7(), event }))
      if (silent) return said
      await append(
        tx,
        said.map((it) => rowOf(it, messageId)),
      )
      const ids = JSON.stringify(said.map(({ id }) => id))
      await tx.$executeRawUnsafe(
        `update outbox set published_at = clock_timestamp()
         where event_id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
        ids,
      )
      return said
    })

const rowOf = ({ id, event }: Said, cause: string | undefined) => {
  const { by, routingKey, version } = events[event.type]
  return {
    eventId: id,
    type: event.type,
    aggregateId: event.data.orderId,
    exchange: serviceExchange('', by),
    routingKey,
    payload: event.data,
    headers: {
      'cloudEvents:dataversion': String(version),
      ...(cause && { 'cloudEvents:causationid': cause }),
    },
  }
}

const byHand = (ask: Record<ServiceName, Ask>) => {
  /** Each of these to one service; answers what it said. */
  const hand = async (to: ServiceName, said: readonly Said[]): Promise<Said[]> => {
    const answers: Said[] = []
    for (const { id, event } of said) {
      if (listeners(event.type).includes(to)) answers.push(...(await ask[to](event, { messageId: id })))
    }
    return answers
  }
  /** Everything to everyone who listens, until nobody says anything more. */
  const settle = async (said: readonly Said[]): Promise<void> => {
    for (const it of said) for (const to of services) await settle(await hand(to, [it]))
  }
  const place = (orderId: string, userId: string, items: readonly Line[], mode: Mode = 'choreography') => {
    const command: PlaceOrder = { type: 'PlaceOrder', data: { orderId, userId, items, mode } }
    return ask.order(command, { silent: mode === 'rpc' })
  }
  return { ask, hand, settle, place }
}

const recordsOf = (databases: {
  product: ReturnType<typeof openProductDatabase>
  user: ReturnType<typeof openUserDatabase>
}) => ({
  product: (id: string, price: number, stock: number) =>
    insertProduct(databases.product.client, { id, name: `product ${id}`, price, stock }),
  restock: (id: string, quantity: number) => databases.product.transaction((tx) => restock(tx, id, quantity)),
  user: (id: string, balance: number) =>
    insertUser(databases.user.client, { id, name: `user ${id}`, email: `${id}@example.com`, balance }),
})

export type SagaByHand = ReturnType<typeof byHand> & { records: ReturnType<typeof recordsOf> }

const id = (kind: string, n: number) => `01900000-0000-7000-8000-${kind}${String(n).padStart(11, '0')}`
export const ids = {
  lamp: id('a', 1),
  desk: id('a', 2),
  rich: id('b', 1),
  poor: id('b', 2),
  idle: id('b', 3),
  bought: id('c', 1),
  outOfStock: id('c', 2),
  tooDear: id('c', 3),
  expiredAfterDebit: id('c', 4),
  cancelledEarly: id('c', 5),
  boughtByRpc: id('c', 6),
  undoneByRpc: id('c', 7),
  other: id('c', 8),
  stranger: id('c', 9),
} as const

/** Products, users, and an order of every kind, each at rest: what the audit finds nothing wrong with. */
export const settleEveryKind = async (system: SagaByHand): Promise<void> => {
  const { place, settle, hand, ask, records } = system
  await records.product(ids.lamp, 300, 50)
  await records.product(ids.desk, 5_000, 10)
  await records.restock(ids.desk, 2)
  await records.user(ids.rich, 1_000_000)
  await records.user(ids.poor, 100)
  await records.user(ids.idle, 7)
  const two = [
    { productId: ids.lamp, quantity: 2 },
    { productId: ids.desk, quantity: 1 },
  ]
  const one = [{ productId: ids.lamp, quantity: 1 }]

  await settle(await place(ids.bought, ids.rich, two))
  await settle(await place(ids.outOfStock, ids.rich, [{ productId: ids.desk, quantity: 999 }]))
  await settle(await place(ids.tooDear, ids.poor, two))

  // The debit comes too late: order refuses it, user refunds.
  const placed = await place(ids.expiredAfterDebit, ids.rich, two)
  const reserved = await hand('product', placed)
  const failed = await ask.order({ type: 'ExpireOrder', data: { orderId: ids.expiredAfterDebit } })
  await settle(reserved)
  await settle(failed)

  // Product and user hear of the failure first, and remember it.
  const late = await place(ids.cancelledEarly, ids.rich, one)
  await settle(await ask.order({ type: 'CancelOrder', data: { orderId: ids.cancelledEarly } }))
  await settle(late)

  await byRpc(system, ids.boughtByRpc, two)
  await byRpc(system, ids.undoneByRpc, one, true)
  await settle(await place(ids.other, ids.rich, one))
}

/** The chain of RPC mode: the same decisions, without outbox and inbox. */
const byRpc = async ({ place, ask }: SagaByHand, orderId: string, items: readonly Line[], undo = false) => {
  const silent = { silent: true }
  const [placed] = await place(orderId, ids.rich, items, 'rpc')
  const [reserved] = await ask.product(placed!.event, silent)
  const [debited] = await ask.user(reserved!.event, silent)
  if (!undo) {
    await ask.order(debited!.event, silent)
    return
  }
  const [failed] = await ask.order({ type: 'ExpireOrder', data: { orderId } }, silent)
  await ask.product(failed!.event, silent)
  await ask.user(failed!.event, silent)
}

const times: Record<ServiceName, Record<string, readonly string[]>> = {
  order: { orders: ['created_at', 'updated_at'], order_status_history: ['at'] },
  product: { reservations: ['created_at', 'updated_at'], stock_movements: ['created_at'] },
  user: { payments: ['created_at', 'updated_at'], ledger: ['created_at'] },
}
const everywhere = { outbox: ['created_at', 'published_at'], inbox: ['handled_at'] }

/** Runs SQL with triggers and foreign keys off, as a superuser can. */
export const byForce = (url: string, sql: string): Promise<unknown> =>
  withClient(url, (client) => client.query(`set session_replication_role = replica; ${sql}`))

/** Moves everything that ever happened into the past. */
export const age = async (urls: DatabaseUrls, minutes: number): Promise<void> => {
  for (const service of services) {
    const tables = Object.entries({ ...times[service], ...everywhere })
    const earlier = (column: string) => `${column} = ${column} - interval '${minutes} minutes'`
    await byForce(
      urls[service],
      tables.map(([table, columns]) => `update ${table} set ${columns.map(earlier).join()}`).join(';'),
    )
  }
}
