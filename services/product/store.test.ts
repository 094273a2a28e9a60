import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, Line, Reason } from '../../shared/contracts/index.ts'
import { sqlState } from '../../shared/failure/index.ts'
import { react, withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openProductDatabase, type ProductDatabase } from './database.ts'
import { insertProduct } from './records.ts'
import { maxStock, restock } from './restock.ts'

const withProducts = (use: (database: ProductDatabase) => Promise<void>) => () =>
  withDatabase('product', async ({ url }) => {
    const database = openProductDatabase({ url, name: 'test', poolSize: 6 })
    try {
      await use(database)
    } finally {
      await database.close()
    }
  })

/** Ids that differ between universes in their first digits only, so that a history can be told twice in one database. */
const id = (kind: 'a' | 'b' | 'c', n: number, universe = 1) =>
  `${String(universe).padStart(8, '0')}-0000-7000-8000-${kind}${String(n).padStart(11, '0')}`
const product = (n: number, universe?: number) => id('a', n, universe)
const order = (n: number, universe?: number) => id('b', n, universe)

const stocked = (database: ProductDatabase, n: number, stock: number, universe?: number, price = 100) =>
  insertProduct(database.client, { id: product(n, universe), name: `product ${n}`, price, stock })

const placed = (orderId: string, items: Line[]): DomainEvent<'OrderPlaced'> => ({
  type: 'OrderPlaced',
  data: { orderId, userId: id('c', 1), items },
})
const failed = (orderId: string, reason: Reason = 'expired'): DomainEvent<'OrderFailed'> => ({
  type: 'OrderFailed',
  data: { orderId, userId: id('c', 1), reason },
})
const line = (n: number, quantity: number, universe?: number): Line => ({
  productId: product(n, universe),
  quantity,
})

const batch = (database: ProductDatabase, ...inputs: DomainEvent[]) =>
  database.transaction((tx) => react(tx, choreography, inputs))

const stockOf = async (database: ProductDatabase, n: number) => {
  const rows = await database.client.$queryRawUnsafe<{ stock: number }[]>(
    'select stock from products where id = $1::uuid',
    product(n),
  )
  return rows[0]?.stock
}

test(
  'a reservation is kept with its lines in their order, and given back from what was kept',
  withProducts(async (database) => {
    for (const n of [1, 2]) await stocked(database, n, 10, 1, 1_000_000_000_000)
    const items = [line(2, 9), line(1, 1)]
    const priced = items.map((it) => ({ ...it, unitPrice: 1_000_000_000_000 }))
    assert.equal(await batch(database, placed(order(1), items)), [
      {
        type: 'StockReserved',
        data: { orderId: order(1), userId: id('c', 1), total: 10_000_000_000_000, items: priced },
      },
    ])
    assert.equal([await stockOf(database, 1), await stockOf(database, 2)], [9, 1])
    assert.equal(await batch(database, failed(order(1))), [
      { type: 'StockReleased', data: { orderId: order(1), items: priced } },
    ])
    assert.equal([await stockOf(database, 1), await stockOf(database, 2)], [10, 10])
    assert.equal(await batch(database, failed(order(1)), placed(order(1), items)), [])
  }),
)

test(
  'a failure is remembered over batches, and refuses the late cause with its reason',
  withProducts(async (database) => {
    await stocked(database, 1, 10)
    assert.equal(await batch(database, failed(order(1), 'cancelled')), [])
    assert.equal(await batch(database, placed(order(1), [line(1, 1)])), [
      { type: 'StockRejected', data: { orderId: order(1), reason: 'cancelled' } },
    ])
    assert.is(await stockOf(database, 1), 10)
  }),
)

test(
  'decisions of one batch see each other: the last piece is reserved once',
  withProducts(async (database) => {
    await stocked(database, 1, 1)
    const said = await batch(
      database,
      ...[1, 2, 3].flatMap((n) => [placed(order(n), [line(1, 1)]), ...(n === 2 ? [failed(order(1))] : [])]),
    )
    assert.equal(
      said.map(({ type, data }) => [type, data.orderId]),
      [
        ['StockReserved', order(1)],
        ['StockRejected', order(2)],
        ['StockReleased', order(1)],
        ['StockReserved', order(3)],
      ],
    )
    assert.is(await stockOf(database, 1), 0)
  }),
)

// A batch of n equals n batches of one -------------------------------------------------------------------------------

const steps = fc.array(
  fc.record({
    order: fc.integer({ min: 1, max: 4 }),
    failed: fc.boolean(),
    lines: fc.uniqueArray(
      fc.record({ product: fc.integer({ min: 1, max: 4 }), quantity: fc.integer({ min: 1, max: 6 }) }),
      { selector: (it) => it.product, minLength: 1, maxLength: 3 },
    ),
  }),
  { minLength: 2, maxLength: 12 },
)
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 })

/** Everything a history left in its universe, with the universe taken out of the ids. */
const remains = async ({ client }: ProductDatabase, universe: number) => {
  const prefix = product(1, universe).slice(0, 8)
  const rest = (column: string) => `right(${column}::text, 12) as ${column}`
  const of = (column: string) => `where left(${column}::text, 8) = $1 order by ${column}`
  const query = (sql: string) => client.$queryRawUnsafe<unknown[]>(sql, prefix)
  return {
    products: await query(`select ${rest('id')}, stock from products ${of('id')}`),
    reservations: await query(
      `select ${rest('order_id')}, status::text, reason, total from reservations ${of('order_id')}`,
    ),
    movements: await query(
      `select ${rest('order_id')}, ${rest('product_id')}, kind::text, quantity, unit_price
       from stock_movements ${of('order_id')}, product_id, kind`,
    ),
  }
}

test(
  'a batch of n equals n batches of one',
  withProducts(async (database) => {
    let universe = 10
    const tell = async (
      history: readonly ((universe: number) => DomainEvent)[],
      sizeOf: (n: number) => number,
    ) => {
      universe += 1
      for (const n of [1, 2, 3]) await stocked(database, n, n * 4, universe)
      const inputs = history.map((event) => event(universe))
      const said: DomainEvent[] = []
      for (let n = 0; inputs.length > 0; n += 1)
        said.push(...(await batch(database, ...inputs.splice(0, sizeOf(n)))))
      const anywhere = JSON.stringify(said).replaceAll(product(1, universe).slice(0, 8), '')
      return { said: JSON.parse(anywhere), ...(await remains(database, universe)) }
    }
    await fc.assert(
      fc.asyncProperty(steps, sizes, async (history, sizesOf) => {
        const events = history.map((step) => (u: number) => {
          if (step.failed) return failed(order(step.order, u))
          return placed(
            order(step.order, u),
            step.lines.map((it) => line(it.product, it.quantity, u)),
          )
        })
        const alone = await tell(events, () => 1)
        assert.equal(await tell(events, (n) => sizesOf[n] ?? 1), alone)
        assert.equal(await tell(events, () => events.length), alone)
      }),
      { numRuns: 25 },
    )
  }),
)

test(
  'batches at once on the same orders and products: nothing is sold twice',
  withProducts(async (database) => {
    await stocked(database, 1, 10)
    await stocked(database, 2, 1000)
    const all = Array.from({ length: 24 }, (_, n) =>
      placed(order(n), n % 2 === 0 ? [line(1, 1), line(2, 3)] : [line(2, 3), line(1, 1)]),
    )
    // Every event goes through every worker, in another order and in batches of another size.
    const worker = async (w: number) => {
      const mine = [...all.slice(w * 5), ...all.slice(0, w * 5)]
      if (w % 2 === 1) mine.reverse()
      while (mine.length > 0) await batch(database, ...mine.splice(0, w + 2))
    }
    await Promise.all([0, 1, 2, 3].map(worker))
    const counts = await database.client.$queryRawUnsafe<{ status: string; n: number }[]>(
      'select status::text, count(*)::int as n from reservations group by status order by status::text',
    )
    assert.equal(counts, [
      { status: 'REJECTED', n: 14 },
      { status: 'RESERVED', n: 10 },
    ])
    assert.equal([await stockOf(database, 1), await stockOf(database, 2)], [0, 970])
  }),
)

test(
  'an order that fails while it is placed holds nothing in the end, whoever comes first',
  withProducts(async (database) => {
    await stocked(database, 1, 100)
    // As many at once as there are connections: none waits in line for one.
    for (let n = 0; n < 21; n += 3)
      await Promise.all(
        [n, n + 1, n + 2].flatMap((n) => [
          batch(database, placed(order(n), [line(1, 2)])),
          batch(database, failed(order(n)), failed(order((n + 1) % 21))),
        ]),
      )
    assert.is(await stockOf(database, 1), 100)
  }),
)

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
  withProducts(async (database) => {
    const run = (sql: string) => database.client.$executeRawUnsafe(sql)
    await stocked(database, 1, 5)
    await batch(database, placed(order(1), [line(1, 2)]), failed(order(2)))
    await refused(run('update products set stock = -1'), '23514')
    await refused(run(`update reservations set status = 'RESERVED' where order_id = '${order(2)}'`), '23514')
    await refused(run(`update reservations set total = 1 where order_id = '${order(1)}'`), '23514')
    await refused(run('delete from reservations'), '23514')
    await refused(
      run(`insert into reservations (order_id, status, total) values ('${order(1)}', 'RESERVED', 1)`),
      '23505',
    )
    const movement = (kind: string, quantity: number) =>
      run(
        `insert into stock_movements (order_id, product_id, kind, quantity, unit_price)
         values ('${order(1)}', '${product(1)}', '${kind}', ${quantity}, 100)`,
      )
    await refused(movement('RESERVE', 2), '23505')
    await refused(movement('RELEASE', 3), '23514')
    await refused(run('delete from stock_movements'), '23514')
    await batch(database, failed(order(1)))
    await refused(movement('RELEASE', 2), '23505')
    assert.is(await stockOf(database, 1), 5)
  }),
)

test(
  'restocks at once never pass the limit, and leave room for every release',
  withProducts(async (database) => {
    await stocked(database, 1, maxStock - 30)
    await batch(database, placed(order(1), [line(1, maxStock - 30)]))
    const restocks = Array.from({ length: 6 }, () =>
      database.transaction((tx) => restock(tx, product(1), 10)),
    )
    const results = await Promise.allSettled(restocks)
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 3)
    for (const result of results) {
      if (result.status === 'rejected') assert.is(result.reason.code, 'product.stock_limit')
    }
    await batch(database, failed(order(1)))
    assert.is(await stockOf(database, 1), maxStock)
  }),
)

test.run()
