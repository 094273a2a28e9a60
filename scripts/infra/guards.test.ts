import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { withDatabase } from '../../shared/testing/index.ts'

interface Guarded {
  /** Must work. */
  does(sql: string, ...values: unknown[]): Promise<pg.QueryResult>
  /** Must be refused by that rule. */
  refuses(rule: string, sql: string, ...values: unknown[]): Promise<void>
}

const withGuards = (service: ServiceName, use: (database: Guarded) => Promise<void>): Promise<void> =>
  withDatabase(service, ({ url }) =>
    withClient(url, (client) => {
      const does = (sql: string, ...values: unknown[]) => client.query(sql, values)
      const refuses = async (rule: string, sql: string, ...values: unknown[]): Promise<void> => {
        const refusal = await client.query(sql, values).then(
          () => undefined,
          (error: pg.DatabaseError) => error,
        )
        assert.is(refusal?.constraint, rule, `${sql}: ${refusal?.message ?? 'was accepted'}`)
        assert.match(refusal?.code ?? '', /^23(514|505)$/)
      }
      return use({ does, refuses })
    }),
  )

test('an order begins as PROCESSING, settles once, and its history is written by the database', () =>
  withGuards('order', async ({ does, refuses }) => {
    const [id, other] = [randomUUID(), randomUUID()]
    const insert = 'INSERT INTO orders (id, user_id, mode, status, total) VALUES ($1, $2, $3, $4, $5)'
    await refuses('orders_begin_processing', insert, id, randomUUID(), 'rpc', 'SUCCESS', 5)
    for (const order of [id, other])
      await does(insert, order, randomUUID(), 'choreography', 'PROCESSING', null)
    await refuses('orders_total_when_success', "UPDATE orders SET status = 'SUCCESS' WHERE id = $1", id)
    await refuses('orders_reason_when_failed', "UPDATE orders SET status = 'FAILED' WHERE id = $1", id)
    await refuses('orders_reason_when_failed', "UPDATE orders SET reason = 'expired' WHERE id = $1", id)
    await refuses('orders_keep_identity', "UPDATE orders SET mode = 'rpc' WHERE id = $1", id)
    await does("UPDATE orders SET status = 'SUCCESS', total = 5 WHERE id = $1", id)
    await does("UPDATE orders SET status = 'FAILED', reason = 'expired' WHERE id = $1", other)
    await refuses('orders_settled_for_good', "UPDATE orders SET status = 'PROCESSING' WHERE id = $1", id)
    await refuses('orders_settled_for_good', 'UPDATE orders SET total = 6 WHERE id = $1', id)
    await refuses('orders_settled_for_good', "UPDATE orders SET reason = 'cancelled' WHERE id = $1", other)
    await refuses('orders_never_deleted', 'DELETE FROM orders')
    await refuses('order_status_history_append_only', "UPDATE order_status_history SET reason = 'x'")
    await refuses('order_status_history_append_only', 'DELETE FROM order_status_history')
    const { rows } = await does(
      'SELECT status, reason FROM order_status_history WHERE order_id = $1 ORDER BY id',
      other,
    )
    assert.equal(rows, [
      { status: 'PROCESSING', reason: null },
      { status: 'FAILED', reason: 'expired' },
    ])
    const moved = await does('SELECT updated_at > created_at AS moved FROM orders WHERE id = $1', id)
    assert.is(moved.rows[0].moved, true)
  }))

test('an order may be placed and settled in one transaction, and an upsert may settle it', () =>
  withGuards('order', async ({ does }) => {
    const id = randomUUID()
    const upsert = `INSERT INTO orders (id, user_id, mode, status, total) VALUES ($1, $2, 'rpc', $3, $4)
      ON CONFLICT (id) DO UPDATE SET status = excluded.status, total = excluded.total`
    await does('BEGIN')
    await does(upsert, id, id, 'PROCESSING', null)
    await does(upsert, id, id, 'SUCCESS', 7)
    await does('COMMIT')
    const { rowCount } = await does('SELECT FROM order_status_history WHERE order_id = $1', id)
    assert.is(rowCount, 2)
  }))

test('stock is never negative; a reservation moves once; what is released is what was reserved', () =>
  withGuards('product', async ({ does, refuses }) => {
    const [product, order] = [randomUUID(), randomUUID()]
    const insert = "INSERT INTO products (id, name, price, stock, opening_stock) VALUES ($1, 'x', $2, $3, $3)"
    await refuses('products_stock_not_negative', insert, product, 1, -1)
    await refuses('products_price_in_range', insert, product, '1000000000001', 1)
    await refuses('products_price_in_range', insert, product, -1, 1)
    await does(insert, product, '1000000000000', 5)
    await refuses('products_stock_not_negative', 'UPDATE products SET stock = stock - 6')
    const reserve = 'INSERT INTO reservations (order_id, status, reason, total) VALUES ($1, $2, $3, $4)'
    await refuses('reservations_reason_when_rejected', reserve, order, 'REJECTED', null, null)
    await refuses('reservations_reason_when_rejected', reserve, order, 'REJECTED', 'out_of_stock', 5)
    await refuses('reservations_reason_when_rejected', reserve, order, 'RESERVED', null, null)
    await does(reserve, order, 'RESERVED', null, 5)
    await refuses('reservations_pkey', reserve, order, 'RESERVED', null, 5)
    await refuses(
      'reservations_only_released',
      "UPDATE reservations SET status = 'REJECTED', reason = 'x', total = null",
    )
    await refuses('reservations_only_released', 'UPDATE reservations SET total = 6')
    const move =
      'INSERT INTO stock_movements (product_id, order_id, kind, quantity, unit_price) VALUES ($1, $2, $3, $4, 1)'
    await refuses('stock_movements_quantity_positive', move, product, order, 'RESERVE', 0)
    await refuses('stock_movements_order_unless_restock', move, product, null, 'RESERVE', 1)
    await refuses('stock_movements_release_as_reserved', move, product, order, 'RELEASE', 2)
    await does(move, product, order, 'RESERVE', 2)
    await refuses('stock_movements_order_id_product_id_kind_key', move, product, order, 'RESERVE', 2)
    await refuses('stock_movements_release_as_reserved', move, product, order, 'RELEASE', 3)
    await does(move, product, order, 'RELEASE', 2)
    await does("UPDATE reservations SET status = 'RELEASED'")
    await refuses('reservations_only_released', "UPDATE reservations SET status = 'RESERVED'")
    await refuses('reservations_never_deleted', 'DELETE FROM reservations')
    await refuses('stock_movements_append_only', 'UPDATE stock_movements SET quantity = 1')
    await refuses('stock_movements_append_only', 'DELETE FROM stock_movements')
  }))

test('reserving and releasing may come in one statement, in either order', () =>
  withGuards('product', async ({ does }) => {
    const [product, order] = [randomUUID(), randomUUID()]
    await does(
      "INSERT INTO products (id, name, price, stock, opening_stock) VALUES ($1, 'x', 1, 5, 5)",
      product,
    )
    await does("INSERT INTO reservations (order_id, status, total) VALUES ($1, 'RELEASED', 2)", order)
    await does(
      `INSERT INTO stock_movements (product_id, order_id, kind, quantity, unit_price)
       VALUES ($1, $2, 'RELEASE', 2, 1), ($1, $2, 'RESERVE', 2, 1)`,
      product,
      order,
    )
  }))

test('a balance is never negative; one debit and one refund of the same amount per order; the ledger stays', () =>
  withGuards('user', async ({ does, refuses }) => {
    const [user, order] = [randomUUID(), randomUUID()]
    const insert =
      "INSERT INTO users (id, name, email, balance, opening_balance) VALUES ($1, 'x', 'x@y', $2, $2)"
    await refuses('users_balance_in_range', insert, user, -1)
    await refuses('users_balance_in_range', insert, user, '9007199254740992')
    await does(insert, user, '9007199254740991')
    await refuses('users_balance_in_range', 'UPDATE users SET balance = balance + 1')
    const pay = 'INSERT INTO payments (order_id, user_id, status, reason, amount) VALUES ($1, $2, $3, $4, $5)'
    await refuses('payments_reason_when_rejected', pay, order, user, 'REJECTED', null, null)
    await refuses('payments_reason_when_rejected', pay, order, user, 'DEBITED', null, null)
    await refuses('payments_amount_not_negative', pay, order, user, 'DEBITED', null, -1)
    await does(pay, order, user, 'DEBITED', null, 9)
    const enter = 'INSERT INTO ledger (user_id, order_id, kind, amount) VALUES ($1, $2, $3, $4)'
    await refuses('ledger_amount_positive', enter, user, null, 'DEPOSIT', 0)
    await refuses('ledger_amount_positive', enter, user, order, 'DEBIT', -1)
    await refuses('ledger_order_unless_deposit', enter, user, null, 'DEBIT', 1)
    await refuses('ledger_refund_as_debited', enter, user, order, 'REFUND', 9)
    await does(enter, user, order, 'DEBIT', 9)
    await refuses('ledger_order_id_kind_key', enter, user, order, 'DEBIT', 9)
    await refuses('ledger_refund_as_debited', enter, user, order, 'REFUND', 8)
    await does(enter, user, order, 'REFUND', 9)
    await refuses('ledger_order_id_kind_key', enter, user, order, 'REFUND', 9)
    await does("UPDATE payments SET status = 'REFUNDED'")
    await refuses('payments_only_refunded', "UPDATE payments SET status = 'DEBITED'")
    await refuses('payments_only_refunded', 'UPDATE payments SET amount = 1')
    await refuses('payments_never_deleted', 'DELETE FROM payments')
    await refuses('ledger_append_only', 'UPDATE ledger SET amount = 1')
    await refuses('ledger_append_only', 'TRUNCATE ledger')
  }))

for (const service of services) {
  test(`${service}: an outbox row is not both published and parked, and what waits has an index of its own`, () =>
    withGuards(service, async ({ does, refuses }) => {
      const insert = `INSERT INTO outbox (event_id, type, aggregate_id, exchange, routing_key, payload, published_at, parked_at)
        VALUES (gen_random_uuid(), 'T', gen_random_uuid(), 'x', 'k', '{}', $1, $2)`
      await refuses('outbox_published_or_parked', insert, new Date(), new Date())
      await does(insert, null, new Date())
      await does('SET enable_seqscan = off')
      const { rows } = await does(
        'EXPLAIN SELECT * FROM outbox WHERE published_at IS NULL AND parked_at IS NULL ORDER BY id LIMIT 10',
      )
      assert.match(JSON.stringify(rows), /outbox_waiting_idx/)
      const options = await does(
        "SELECT reloptions::text AS set FROM pg_class WHERE relname IN ('inbox', 'outbox')",
      )
      for (const row of options.rows) assert.match(row.set, /autovacuum_vacuum_scale_factor=0\.01/)
    }))
}

test.run()
