import type { PricedLine, Reason } from '../../shared/contracts/index.ts'
import { exact, type Sql } from '../../shared/database/index.ts'
import type { Reservation, StockedProduct } from './domain.ts'

export interface Movement extends PricedLine {
  orderId: string
  kind: 'RESERVE' | 'RELEASE'
}

export const selectReservations = async (
  sql: Sql,
  orderIds: readonly string[],
): Promise<Map<string, Reservation>> => {
  type Row = { id: string; status: Reservation['status']; reason: Reason; total: bigint; items: PricedLine[] }
  const rows = await sql.$queryRawUnsafe<Row[]>(
    `select r.order_id as id, r.status::text, r.reason, r.total, lines.items
     from reservations r
     cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object(
         'productId', m.product_id, 'quantity', m.quantity, 'unitPrice', m.unit_price) order by m.id), '[]') as items
       from stock_movements m where m.order_id = r.order_id and m.kind = 'RESERVE'
     ) lines
     where r.order_id = any($1::uuid[])`,
    orderIds,
  )
  return new Map(
    rows.map(({ id, status, reason, total, items }) => [
      id,
      status === 'REJECTED' ? { status, reason } : { status, total: exact(total), items },
    ]),
  )
}

/** These products, and those that the orders hold pieces of. */
export const selectProductsForUpdate = async (
  sql: Sql,
  { productIds, orderIds }: { productIds: readonly string[]; orderIds: readonly string[] },
): Promise<Map<string, StockedProduct>> => {
  type Row = { id: string; price: bigint; stock: number; deleted: boolean }
  const rows = await sql.$queryRawUnsafe<Row[]>(
    `select id, price, stock, deleted_at is not null as deleted
     from products
     where id = any($1::uuid[] || array(select product_id from stock_movements where order_id = any($2::uuid[])))
     order by id for update`,
    productIds,
    orderIds,
  )
  return new Map(rows.map((row) => [row.id, { ...row, price: exact(row.price) }]))
}

export interface StockChanges {
  reservations: readonly (readonly [string, Reservation])[]
  movements: readonly Movement[]
  products: readonly StockedProduct[]
}

/** All that a batch changed, in one round trip. */
export const saveStock = (sql: Sql, { reservations, movements, products }: StockChanges) =>
  sql.$executeRawUnsafe(
    `with reserved as (
       insert into reservations (order_id, status, reason, total)
       select "orderId", status, reason, total
       from jsonb_to_recordset($1::jsonb)
         as it ("orderId" uuid, status reservation_status, reason text, total bigint)
       on conflict (order_id) do update set status = excluded.status
     ), moved as (
       insert into stock_movements (order_id, product_id, kind, quantity, unit_price)
       select "orderId", "productId", kind, quantity, "unitPrice"
       from jsonb_to_recordset($2::jsonb)
         as it ("orderId" uuid, "productId" uuid, kind stock_movement_kind, quantity integer, "unitPrice" bigint)
     )
     update products p set stock = it.stock
     from jsonb_to_recordset($3::jsonb) as it (id uuid, stock integer)
     where p.id = it.id`,
    JSON.stringify(reservations.map(([orderId, reservation]) => ({ orderId, ...reservation }))),
    JSON.stringify(movements),
    JSON.stringify(products.map(({ id, stock }) => ({ id, stock }))),
  )
