import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, Line, Reason } from '../../shared/contracts/index.ts'
import type { Sql } from '../../shared/database/index.ts'
import { sqlState } from '../../shared/failure/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import { eventually, react, withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { type OrderDatabase, openOrderDatabase } from './database.ts'
import type { CancelOrder, ExpireOrder, PlaceOrder } from './domain.ts'
import { selectExpired, selectHistory, selectOrder, selectOrders } from './statements.ts'

const withOrders = (use: (database: OrderDatabase) => Promise<void>) => () =>
  withDatabase('order', async ({ url }) => {
    const database = openOrderDatabase({ url, name: 'test', poolSize: 6 })
    try {
      await use(database)
    } finally {
      await database.close()
    }
  })

/** Ids that differ between universes in their first digits only, so that a history can be told twice in one database. */
const id = (kind: 'a' | 'b' | 'c', n: number, universe = 1) =>
  `${String(universe).padStart(8, '0')}-0000-7000-8000-${kind}${String(n).padStart(11, '0')}`
const product = (n: number) => id('a', n)
const order = (n: number, universe?: number) => id('b', n, universe)
const user = (n: number, universe?: number) => id('c', n, universe)

const line = (n: number, quantity: number): Line => ({ productId: product(n), quantity })
const someLines = [line(2, 9), line(1, 1)]
const pricedLines = someLines.map((it) => ({ ...it, unitPrice: 1_000_000_000_000 }))

const place = (orderId: string, more: Partial<PlaceOrder['data']> = {}): PlaceOrder => ({
  type: 'PlaceOrder',
  data: { orderId, userId: user(1), items: someLines, mode: 'choreography', ...more },
})
const keyed = (orderId: string, key: string, requestHash = 'h', userId = user(1)) =>
  place(orderId, { userId, idempotency: { key, requestHash } })
const cancel = (orderId: string): CancelOrder => ({ type: 'CancelOrder', data: { orderId } })
const expire = (orderId: string): ExpireOrder => ({ type: 'ExpireOrder', data: { orderId } })
const debited = (orderId: string, amount = 10_000_000_000_000): DomainEvent<'BalanceDebited'> => ({
  type: 'BalanceDebited',
  data: { orderId, userId: user(1), amount, items: pricedLines },
})
const rejected = (orderId: string, reason: Reason = 'out_of_stock'): DomainEvent<'StockRejected'> => ({
  type: 'StockRejected',
  data: { orderId, reason },
})

const batch = (database: OrderDatabase, ...inputs: Input[]) =>
  database.transaction((tx) => react(tx, choreography, inputs))
const historyOf = async ({ client }: OrderDatabase, orderId: string) =>
  (await selectHistory(client, [orderId])).map(({ status }) => status)

test(
  'an order is kept as it was placed, and as it was paid, to the last unit',
  withOrders(async (database) => {
    const { client } = database
    await batch(database, place(order(1), { mode: 'rpc' }))
    const placed = await selectOrder(client, order(1))
    const unpriced = someLines.map((it) => ({ ...it, unitPrice: null }))
    const { createdAt, updatedAt, ...rest } = placed as NonNullable<typeof placed>
    assert.equal(rest, {
      id: order(1),
      userId: user(1),
      mode: 'rpc',
      items: unpriced,
      status: 'PROCESSING',
    })
    assert.equal(updatedAt, createdAt)
    await batch(database, debited(order(1), Number.MAX_SAFE_INTEGER))
    const paid = await selectOrder(client, order(1))
    assert.equal([paid?.status, paid?.items], ['SUCCESS', pricedLines])
    assert.is(paid?.status === 'SUCCESS' && paid.total, Number.MAX_SAFE_INTEGER)
    assert.equal(paid?.createdAt, createdAt)
    assert.ok((paid?.updatedAt.getTime() ?? 0) >= createdAt.getTime())
    assert.equal(await historyOf(database, order(1)), ['PROCESSING', 'SUCCESS'])
    assert.is(await selectOrder(client, order(2)), undefined)
  }),
)

test(
  'a failed order keeps its reason, and what comes late changes nothing',
  withOrders(async (database) => {
    await batch(database, place(order(1)))
    assert.equal(await batch(database, rejected(order(1), 'unknown_product')), [
      { type: 'OrderFailed', data: { orderId: order(1), userId: user(1), reason: 'unknown_product' } },
    ])
    const before = await selectOrder(database.client, order(1))
    assert.equal(await batch(database, debited(order(1)), rejected(order(1)), expire(order(1))), [])
    assert.equal(await selectOrder(database.client, order(1)), before)
    assert.is(before?.status === 'FAILED' && before.reason, 'unknown_product')
  }),
)

test(
  'an order placed and settled in one batch has both in its history',
  withOrders(async (database) => {
    const said = await batch(
      database,
      place(order(1)),
      debited(order(1)),
      place(order(2)),
      cancel(order(2)),
      place(order(3)),
    )
    assert.equal(
      said.map(({ type, data }) => [type, data.orderId]),
      [
        ['OrderPlaced', order(1)],
        ['OrderSucceeded', order(1)],
        ['OrderPlaced', order(2)],
        ['OrderFailed', order(2)],
        ['OrderPlaced', order(3)],
      ],
    )
    assert.equal(await historyOf(database, order(1)), ['PROCESSING', 'SUCCESS'])
    assert.equal(await historyOf(database, order(2)), ['PROCESSING', 'FAILED'])
    assert.equal(await historyOf(database, order(3)), ['PROCESSING'])
    assert.equal((await selectOrder(database.client, order(1)))?.items, pricedLines)
  }),
)

test(
  'a key places one order, in one batch and over batches; another user may use the same key',
  withOrders(async (database) => {
    const said = await batch(database, keyed(order(1), 'k'), keyed(order(2), 'k'))
    assert.equal(
      said.map(({ data }) => data.orderId),
      [order(1)],
    )
    assert.equal(await batch(database, keyed(order(3), 'k')), [])
    assert.is((await batch(database, keyed(order(4), 'k', 'h', user(2)))).length, 1)
    const other = await batch(database, keyed(order(5), 'k', 'other')).catch((error) => error.code)
    assert.is(other, 'idempotency.key_reused')
    const orders = await selectOrders(database.client, { limit: 10 })
    assert.equal(
      orders.map((it) => it.id),
      [order(4), order(1)],
    )
  }),
)

test(
  'orders past their deadline are found oldest first, and only while they are PROCESSING',
  withOrders(async (database) => {
    for (const n of [2, 1, 3]) await batch(database, place(order(n)))
    await batch(database, rejected(order(3)))
    assert.equal(await selectExpired(database.client, 60_000, 10), [])
    await eventually(async () => (await selectExpired(database.client, 0, 10)).length === 2)
    assert.equal(await selectExpired(database.client, 0, 10), [order(2), order(1)])
    assert.equal(await selectExpired(database.client, 0, 1), [order(2)])
  }),
)

// Two at once --------------------------------------------------------------------------------------------------------

/** Runs `second` while `first` has decided and not yet committed; answers what both said, and that the second waited. */
const whileUncommitted = async (database: OrderDatabase, first: Input, second: Input) => {
  let waited = false
  let later: Promise<DomainEvent[]> = Promise.resolve([])
  const said = await database.transaction(async (tx: Sql) => {
    const events = await react(tx, choreography, [first])
    later = batch(database, second)
    waited = await eventually(async () => (await waitingFor(database)) > 0)
    return events
  })
  return { said, later: await later, waited }
}
const waitingFor = async ({ client }: OrderDatabase) => {
  const rows = await client.$queryRawUnsafe<{ n: number }[]>(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows[0]?.n ?? 0
}

test(
  'two transactions on one order wait for each other, and the later one sees what the first decided',
  withOrders(async (database) => {
    await batch(database, place(order(1)))
    const { said, later, waited } = await whileUncommitted(database, debited(order(1)), expire(order(1)))
    assert.ok(waited)
    assert.equal([said.length, later], [1, []])
    assert.equal(await historyOf(database, order(1)), ['PROCESSING', 'SUCCESS'])
  }),
)

test(
  'two transactions with one new key wait for each other, and place one order',
  withOrders(async (database) => {
    const { said, later, waited } = await whileUncommitted(
      database,
      keyed(order(1), 'k'),
      keyed(order(2), 'k'),
    )
    assert.ok(waited)
    assert.equal([said.length, later], [1, []])
    assert.is((await selectOrders(database.client, { limit: 10 })).length, 1)
  }),
)

test(
  'two transactions that place one order wait for each other, and place it once',
  withOrders(async (database) => {
    const { said, later, waited } = await whileUncommitted(database, place(order(1)), place(order(1)))
    assert.ok(waited)
    assert.equal([said.length, later], [1, []])
  }),
)

test(
  'batches at once on the same orders and keys, in any order, end each order once',
  withOrders(async (database) => {
    const numbers = Array.from({ length: 16 }, (_, n) => n)
    const all = numbers.map((n) => keyed(order(n), `k${n % 8}`))
    const worker = async (w: number) => {
      const mine = [...all.slice(w * 3), ...all.slice(0, w * 3)]
      if (w % 2 === 1) mine.reverse()
      while (mine.length > 0) await batch(database, ...mine.splice(0, w + 2))
    }
    await Promise.all([0, 1, 2, 3].map(worker))
    const orders = await selectOrders(database.client, { limit: 100 })
    assert.is(orders.length, 8)
    for (const it of orders) {
      const said = await Promise.all([
        batch(database, debited(it.id)),
        batch(database, expire(it.id)),
        batch(database, rejected(it.id)),
      ])
      assert.is(said.flat().length, 1)
      assert.is((await historyOf(database, it.id)).length, 2)
    }
  }),
)

// A batch of n equals n batches of one -------------------------------------------------------------------------------

const steps = fc.array(
  fc.record({
    order: fc.integer({ min: 1, max: 4 }),
    user: fc.integer({ min: 1, max: 2 }),
    key: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
    kind: fc.constantFrom('place', 'place', 'debited', 'rejected', 'cancel', 'expire'),
  }),
  { minLength: 2, maxLength: 14 },
)
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 14, maxLength: 14 })

const inputOf = (step: Step, universe: number): Input => {
  const orderId = order(step.order, universe)
  const userId = user(step.user, universe)
  const idempotency = step.key === undefined ? undefined : { key: `k${step.key}`, requestHash: userId }
  switch (step.kind) {
    case 'place':
      return place(orderId, { userId, idempotency })
    case 'debited':
      return debited(orderId)
    case 'rejected':
      return rejected(orderId)
    case 'cancel':
      return cancel(orderId)
    default:
      return expire(orderId)
  }
}

/** Everything a history left in its universe, with the universe taken out of the ids. */
const remains = async ({ client }: OrderDatabase, universe: number) => {
  const prefix = order(1, universe).slice(0, 8)
  const rest = (column: string) => `right(${column}::text, 12) as ${column}`
  const query = (sql: string) => client.$queryRawUnsafe<unknown[]>(sql, prefix)
  return {
    orders: await query(
      `select ${rest('id')}, ${rest('user_id')}, status::text, reason, total from orders
       where left(id::text, 8) = $1 order by id`,
    ),
    items: await query(
      `select ${rest('order_id')}, position, quantity, unit_price from order_items
       where left(order_id::text, 8) = $1 order by order_id, position`,
    ),
    history: await query(
      `select ${rest('order_id')}, status::text, reason from order_status_history h
       where left(order_id::text, 8) = $1 order by order_id, h.id`,
    ),
    keys: await query(
      `select ${rest('user_id')}, key, ${rest('order_id')} from idempotency_keys
       where left(order_id::text, 8) = $1 order by user_id, key`,
    ),
  }
}

test(
  'a batch of n equals n batches of one',
  withOrders(async (database) => {
    let universe = 10
    const tell = async (history: readonly Step[], sizeOf: (n: number) => number) => {
      universe += 1
      const inputs = history.map((step) => inputOf(step, universe))
      const said: DomainEvent[] = []
      for (let n = 0; inputs.length > 0; n += 1)
        said.push(...(await settle(database, inputs.splice(0, sizeOf(n)))))
      const anywhere = JSON.stringify(said).replaceAll(order(1, universe).slice(0, 8), '')
      return { said: JSON.parse(anywhere), ...(await remains(database, universe)) }
    }
    await fc.assert(
      fc.asyncProperty(steps, sizes, async (history, sizesOf) => {
        const alone = await tell(history, () => 1)
        assert.equal(await tell(history, (n) => sizesOf[n] ?? 1), alone)
        assert.equal(await tell(history, () => history.length), alone)
      }),
      { numRuns: 15 },
    )
  }),
)

/** A batch as the rim runs it: an input whose decision refuses is set aside alone. */
const settle = (database: OrderDatabase, inputs: readonly Input[]) =>
  database.transaction(async (tx) => {
    const { store, rows } = choreography
    const lenient = rows.map((row) => ({
      ...row,
      decide: (state: never, input: never) => {
        try {
          return row.decide(state, input)
        } catch {
          return { state, events: [] }
        }
      },
    }))
    return react(tx, { store, rows: lenient as unknown as typeof rows }, inputs)
  })

// The last line ------------------------------------------------------------------------------------------------------

const refused = async (work: Promise<unknown>, state: string) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.is(sqlState(error), state, `expected SQLSTATE ${state}, got ${error}`)
}

test(
  'the database itself refuses what the code must never do',
  withOrders(async (database) => {
    const run = (sql: string) => database.client.$executeRawUnsafe(sql)
    await batch(database, place(order(1)), place(order(2)), rejected(order(2)), keyed(order(3), 'k'))
    await batch(database, debited(order(3), 7))
    const at = (n: number) => `where id = '${order(n)}'`
    for (const sql of [
      `update orders set status = 'FAILED' ${at(1)}`,
      `update orders set reason = 'expired' ${at(1)}`,
      `update orders set status = 'SUCCESS' ${at(1)}`,
      `update orders set status = 'SUCCESS', total = -1 ${at(1)}`,
      `update orders set status = 'PROCESSING', reason = null ${at(2)}`,
      `update orders set status = 'SUCCESS', reason = null, total = 1 ${at(2)}`,
      `update orders set reason = 'expired' ${at(2)}`,
      `update orders set total = 8 ${at(3)}`,
      `update orders set user_id = '${user(2)}' ${at(1)}`,
      `update orders set mode = 'rpc' ${at(1)}`,
      `insert into orders (id, user_id, mode, status, total) values ('${order(9)}', '${user(1)}', 'rpc', 'SUCCESS', 1)`,
      'delete from orders',
      'delete from order_status_history',
      `update order_status_history set status = 'SUCCESS'`,
      `update order_items set quantity = 0 where order_id = '${order(1)}'`,
      `update order_items set unit_price = -1 where order_id = '${order(1)}'`,
    ])
      await refused(run(sql), '23514')
    const item = (n: number, position: number, productId: string) =>
      run(
        `insert into order_items (order_id, position, product_id, quantity)
         values ('${order(n)}', ${position}, '${productId}', 1)`,
      )
    await refused(item(1, 7, product(1)), '23505')
    await refused(item(9, 0, product(1)), '23503')
    await refused(
      run(`insert into orders (id, user_id, mode) values ('${order(1)}', '${user(1)}', 'rpc')`),
      '23505',
    )
    await refused(
      run(
        `insert into order_status_history (order_id, status) values ('${order(2)}', 'PROCESSING'::order_status)`,
      ),
      '23505',
    )
    await refused(
      run(
        `insert into idempotency_keys (user_id, key, request_hash, order_id)
         values ('${user(1)}', 'k', 'x', '${order(1)}')`,
      ),
      '23505',
    )
    assert.equal(
      (await selectOrders(database.client, { limit: 10 })).map(({ status }) => status),
      ['SUCCESS', 'FAILED', 'PROCESSING'],
    )
  }),
)

test.run()
