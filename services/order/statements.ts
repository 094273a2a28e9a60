import type { Line, Mode, Reason } from '../../shared/contracts/index.ts'
import { exact, exactOrNull, type Sql } from '../../shared/database/index.ts'
import type { Order, OrderLine } from './domain.ts'

interface OrderRow {
  id: string
  user_id: string
  status: Order['status']
  reason: Reason | null
  mode: Mode
  total: bigint | null
  created_at: Date
  updated_at: Date
  items: { productId: string; quantity: number; unitPrice: number | null }[]
}

const orderOf = (row: OrderRow): Order => {
  const items: OrderLine[] = row.items
  const { id, user_id: userId, mode, created_at: createdAt, updated_at: updatedAt } = row
  const base = { id, userId, mode, items, createdAt, updatedAt }
  switch (row.status) {
    case 'PROCESSING':
      return { ...base, status: row.status }
    case 'SUCCESS':
      return { ...base, status: row.status, total: exact(row.total as bigint) }
    case 'FAILED':
      return { ...base, status: row.status, reason: row.reason as Reason }
  }
}

const orderColumns = `
  o.id, o.user_id, o.status::text as status, o.reason, o.mode::text as mode, o.total, o.created_at, o.updated_at,
  (select jsonb_agg(jsonb_build_object('productId', i.product_id, 'quantity', i.quantity, 'unitPrice', i.unit_price)
                    order by i.position)
     from order_items i where i.order_id = o.id) as items`

/** The orders among `ids` that exist, locked in id order, and the database's clock once it has the locks. */
export const selectOrdersForUpdate = async (sql: Sql, ids: readonly string[]) => {
  const rows = await sql.$queryRawUnsafe<({ now: Date } & (OrderRow | { id: null }))[]>(
    `with locked as materialized (
       select ${orderColumns} from orders o where o.id = any($1::uuid[]) order by o.id for update of o
     ), clock as materialized (
       select clock_timestamp() as now from (select count(*) from locked) as all_locked
     )
     select clock.now, locked.* from clock left join locked on true`,
    ids,
  )
  const now = (rows[0] as { now: Date }).now
  return { now, orders: rows.flatMap((row) => (row.id === null ? [] : orderOf(row))) }
}

export const selectOrder = async (sql: Sql, id: string): Promise<Order | undefined> => {
  const rows = await sql.$queryRawUnsafe<OrderRow[]>(
    `select ${orderColumns} from orders o where o.id = $1::uuid`,
    id,
  )
  return rows[0] && orderOf(rows[0])
}

export interface OrderFilter {
  userId?: string | undefined
  status?: Order['status'] | undefined
  /** Only orders with a smaller id, that is older ones. */
  before?: string | undefined
  limit: number
}

/** Orders, newest first: ids are UUIDv7, so their order is the order of placing. */
export const selectOrders = async (sql: Sql, { userId, status, before, limit }: OrderFilter) => {
  const rows = await sql.$queryRawUnsafe<OrderRow[]>(
    `select ${orderColumns} from orders o
      where ($1::uuid is null or o.user_id = $1::uuid)
        and ($2::text is null or o.status = $2::text::order_status)
        and ($3::uuid is null or o.id < $3::uuid)
      order by o.id desc limit $4::int`,
    userId ?? null,
    status ?? null,
    before ?? null,
    limit,
  )
  return rows.map(orderOf)
}

/**
 * Processing orders whose deadline has passed by the database's clock, oldest first. One that somebody has locked is being settled, or
 * held by hand: it comes with a later round, and keeps no other waiting.
 */
export const selectExpired = async (sql: Sql, deadlineMs: number, limit: number): Promise<string[]> => {
  const rows = await sql.$queryRawUnsafe<{ id: string }[]>(
    `select id from orders
      where status = 'PROCESSING' and created_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000)
      order by created_at limit $2::int for update skip locked`,
    deadlineMs,
    limit,
  )
  return rows.map(({ id }) => id)
}

export const insertOrders = async (sql: Sql, orders: readonly Order[]) => {
  const rows = orders.map(({ id, userId, mode, createdAt }) => ({ id, user_id: userId, mode, at: createdAt }))
  const lines = orders.flatMap(({ id, items }) =>
    items.map(({ productId, quantity }: Line, position) => ({
      order_id: id,
      position,
      product_id: productId,
      quantity,
    })),
  )
  await sql.$executeRawUnsafe(
    `with placed as (
       insert into orders (id, user_id, mode, status, created_at, updated_at)
       select id, user_id, mode::mode, 'PROCESSING', at, at
         from jsonb_to_recordset($1::jsonb) as x(id uuid, user_id uuid, mode text, at timestamptz)
     )
     insert into order_items (order_id, position, product_id, quantity)
     select order_id, position, product_id, quantity
       from jsonb_to_recordset($2::jsonb) as x(order_id uuid, position int, product_id uuid, quantity int)`,
    JSON.stringify(rows),
    JSON.stringify(lines),
  )
}

/** How orders ended, and the prices they were reserved at for the lines that have learnt theirs. */
export const updateOrders = async (sql: Sql, orders: readonly Order[]) => {
  const rows = orders.map((order) => ({
    id: order.id,
    status: order.status,
    reason: order.status === 'FAILED' ? order.reason : null,
    total: order.status === 'SUCCESS' ? order.total : null,
    at: order.updatedAt,
  }))
  const prices = orders.flatMap(({ id, items }) =>
    items
      .filter(({ unitPrice }) => unitPrice !== null)
      .map(({ productId, unitPrice }) => ({
        order_id: id,
        product_id: productId,
        unit_price: exactOrNull(unitPrice),
      })),
  )
  await sql.$executeRawUnsafe(
    `with settled as (
       update orders o set status = x.status::order_status, reason = x.reason, total = x.total, updated_at = x.at
         from jsonb_to_recordset($1::jsonb) as x(id uuid, status text, reason text, total bigint, at timestamptz)
        where o.id = x.id
     )
     update order_items i set unit_price = x.unit_price
       from jsonb_to_recordset($2::jsonb) as x(order_id uuid, product_id uuid, unit_price bigint)
      where i.order_id = x.order_id and i.product_id = x.product_id`,
    JSON.stringify(rows),
    JSON.stringify(prices),
  )
}

export interface StatusChange {
  id: number
  orderId: string
  status: Order['status']
  reason: Reason | null
  at: Date
}

/** The status changes of several orders in one query, oldest first. */
export const selectHistory = async (sql: Sql, orderIds: readonly string[]): Promise<StatusChange[]> => {
  const rows = await sql.$queryRawUnsafe<(Omit<StatusChange, 'id'> & { id: bigint })[]>(
    `select id, order_id as "orderId", status::text as status, reason, at from order_status_history
      where order_id = any($1::uuid[]) order by id`,
    orderIds,
  )
  return rows.map((row) => ({ ...row, id: exact(row.id) }))
}
