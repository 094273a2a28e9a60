import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, Reason } from '../../shared/contracts/index.ts'
import { given } from '../../shared/testing/index.ts'
import {
  type Reservation,
  releaseStock,
  reserveStock,
  type StockedProduct,
  type StockState,
} from './domain.ts'

const orderId = '01900000-0000-7000-8000-000000000001'
const userId = '01900000-0000-7000-8000-000000000002'
const lamp = '01900000-0000-7000-8000-00000000000a'
const desk = '01900000-0000-7000-8000-00000000000b'

const product = (id: string, price: number, stock: number, deleted = false): StockedProduct => ({
  id,
  price,
  stock,
  deleted,
})
const state = (products: StockedProduct[], reservation?: Reservation): StockState => ({
  orderId,
  reservation,
  products: new Map(products.map((it) => [it.id, it])),
})
const placed = (...lines: [string, number][]): DomainEvent<'OrderPlaced'> => ({
  type: 'OrderPlaced',
  data: { orderId, userId, items: lines.map(([productId, quantity]) => ({ productId, quantity })) },
})
const failed = (reason: Reason): DomainEvent<'OrderFailed'> => ({
  type: 'OrderFailed',
  data: { orderId, userId, reason },
})
const rejected = (reason: Reason): DomainEvent<'StockRejected'> => ({
  type: 'StockRejected',
  data: { orderId, reason },
})

const twoLampsOneDesk = [
  { productId: lamp, quantity: 2, unitPrice: 300 },
  { productId: desk, quantity: 1, unitPrice: 5000 },
]
const reserved: Reservation = { status: 'RESERVED', total: 5600, items: twoLampsOneDesk }
const released: Reservation = { status: 'RELEASED', total: 5600, items: twoLampsOneDesk }

test('all lines are reserved at the prices of now', () => {
  given(state([product(lamp, 300, 5), product(desk, 5000, 1)]))
    .when(reserveStock, placed([lamp, 2], [desk, 1]))
    .says([{ type: 'StockReserved', data: { orderId, userId, total: 5600, items: twoLampsOneDesk } }])
    .leaves(state([product(lamp, 300, 3), product(desk, 5000, 0)], reserved))
})

test('one short line, and nothing is reserved', () => {
  const shelf = [product(lamp, 300, 5), product(desk, 5000, 0)]
  given(state(shelf))
    .when(reserveStock, placed([lamp, 2], [desk, 1]))
    .says([rejected('out_of_stock')])
    .leaves(state(shelf, { status: 'REJECTED', reason: 'out_of_stock' }))
})

test('an unknown product is rejected, and weighs more than a short one', () => {
  given(state([product(desk, 5000, 0)]))
    .when(reserveStock, placed([desk, 1], [lamp, 1]))
    .says([rejected('unknown_product')])
})

test('a deleted product is unknown', () => {
  given(state([product(lamp, 300, 5, true)]))
    .when(reserveStock, placed([lamp, 1]))
    .says([rejected('unknown_product')])
})

test('a total is exact up to the largest safe integer', () => {
  // 5 * 1801439850948198 + 1 = 2^53 - 1
  const shelf = [product(lamp, 1_801_439_850_948_198, 5), product(desk, 1, 2)]
  given(state(shelf))
    .when(reserveStock, placed([lamp, 5], [desk, 1]))
    .says([
      {
        type: 'StockReserved',
        data: {
          orderId,
          userId,
          total: Number.MAX_SAFE_INTEGER,
          items: [
            { productId: lamp, quantity: 5, unitPrice: 1_801_439_850_948_198 },
            { productId: desk, quantity: 1, unitPrice: 1 },
          ],
        },
      },
    ])
  given(state(shelf))
    .when(reserveStock, placed([lamp, 5], [desk, 2]))
    .says([rejected('insufficient_balance')])
    .leaves(state(shelf, { status: 'REJECTED', reason: 'insufficient_balance' }))
})

test('an order that was reserved is not reserved again, released or not', () => {
  for (const reservation of [reserved, released]) {
    const before = state([product(lamp, 300, 3), product(desk, 5000, 0)], reservation)
    given(before)
      .when(reserveStock, placed([lamp, 2], [desk, 1]))
      .says([])
      .leaves(before)
  }
})

test('what was reserved goes back when the order fails, also to a product deleted since', () => {
  given(state([product(lamp, 999, 3), product(desk, 5000, 0, true)], reserved))
    .when(releaseStock, failed('insufficient_balance'))
    .says([{ type: 'StockReleased', data: { orderId, items: twoLampsOneDesk } }])
    .leaves(state([product(lamp, 999, 5), product(desk, 5000, 1, true)], released))
})

test('a failure before the cause is remembered, and refuses the late cause', () => {
  const shelf = [product(lamp, 300, 5)]
  const remembered = state(shelf, { status: 'REJECTED', reason: 'expired' })
  const { state: after } = given(state(shelf))
    .when(releaseStock, failed('expired'))
    .says([])
    .leaves(remembered)
  given(after)
    .when(reserveStock, placed([lamp, 1]))
    .says([rejected('expired')])
    .leaves(remembered)
})

test('a second failure changes nothing', () => {
  for (const reservation of [released, { status: 'REJECTED', reason: 'cancelled' } as const]) {
    const before = state([product(lamp, 300, 5)], reservation)
    given(before).when(releaseStock, failed('expired')).says([]).leaves(before)
  }
})

// Whole histories ------------------------------------------------------------------------------------------------------

const ids = [
  lamp,
  desk,
  '01900000-0000-7000-8000-00000000000c',
  '01900000-0000-7000-8000-00000000000d',
] as const
const shelves = fc.array(fc.record({ price: fc.nat(1_000_000), stock: fc.nat(20), deleted: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
})
const orders = fc
  .uniqueArray(fc.record({ productId: fc.constantFrom(...ids), quantity: fc.integer({ min: 1, max: 15 }) }), {
    selector: ({ productId }) => productId,
    minLength: 1,
    maxLength: 4,
  })
  .map((items): DomainEvent<'OrderPlaced'> => ({ type: 'OrderPlaced', data: { orderId, userId, items } }))
const histories = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }))
  .chain(([causes, failures]) =>
    fc.shuffledSubarray(
      [...Array(causes).fill('OrderPlaced'), ...Array(failures).fill('OrderFailed')] as (
        | 'OrderPlaced'
        | 'OrderFailed'
      )[],
      { minLength: causes + failures },
    ),
  )

const stockedBy = (shelf: readonly Omit<StockedProduct, 'id'>[]) =>
  state(shelf.map((it, index) => ({ ...it, id: ids[index] as string })))
const run = (from: StockState, order: DomainEvent<'OrderPlaced'>, history: readonly string[]) =>
  history.map((type) => {
    const { state: after, events } =
      type === 'OrderPlaced' ? reserveStock(from, order) : releaseStock(from, failed('expired'))
    from = after
    return { after, events: events as DomainEvent[] }
  })
const stockOf = ({ products }: StockState) => [...products.values()].map(({ stock }) => stock)

test('stock is never negative, and what is missing is what is reserved', () => {
  fc.assert(
    fc.property(shelves, orders, histories, (shelf, order, history) => {
      const start = stockedBy(shelf)
      for (const { after } of run(start, order, history)) {
        const held = after.reservation?.status === 'RESERVED' ? after.reservation.items : []
        for (const [id, { stock }] of after.products) {
          assert.ok(stock >= 0)
          const taken = held.find(({ productId }) => productId === id)?.quantity ?? 0
          assert.is(stock + taken, start.products.get(id)?.stock)
        }
      }
    }),
  )
})

test('a failed order leaves the stock as it was, however often and in whatever order its events come', () => {
  fc.assert(
    fc.property(shelves, orders, histories, (shelf, order, history) => {
      fc.pre(history.includes('OrderFailed'))
      const start = stockedBy(shelf)
      const steps = run(start, order, history)
      const last = steps.at(-1)?.after as StockState
      assert.equal(stockOf(last), stockOf(start))
      assert.ok(last.reservation?.status === 'RELEASED' || last.reservation?.status === 'REJECTED')
      const said = steps.flatMap(({ events }) => events.map(({ type }) => type))
      assert.ok(said.filter((type) => type === 'StockReserved').length <= 1)
      assert.is(
        said.filter((type) => type === 'StockReleased').length,
        said.filter((type) => type === 'StockReserved').length,
      )
    }),
  )
})

test('an order that did not fail ends the same with one OrderPlaced or many', () => {
  fc.assert(
    fc.property(shelves, orders, fc.integer({ min: 2, max: 5 }), (shelf, order, times) => {
      const start = stockedBy(shelf)
      const once = run(start, order, ['OrderPlaced']).at(-1)?.after
      const often = run(start, order, Array(times).fill('OrderPlaced')).at(-1)?.after
      assert.equal(often, once)
    }),
  )
})

test.run()
