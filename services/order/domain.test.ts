import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, Reason } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { given } from '../../shared/testing/index.ts'
import {
  type CancelOrder,
  type Claim,
  cancelOrder,
  confirmOrder,
  type ExpireOrder,
  expireOrder,
  type Order,
  type OrderState,
  type Outcome,
  type PlaceOrder,
  placeOrder,
  rejectOrder,
} from './domain.ts'

const orderId = '01900000-0000-7000-8000-000000000001'
const userId = '01900000-0000-7000-8000-000000000002'
const lamp = '01900000-0000-7000-8000-00000000000a'
const desk = '01900000-0000-7000-8000-00000000000b'
const noon = new Date('2030-01-01T12:00:00.000Z')
const later = new Date('2030-01-01T12:00:01.000Z')

const lines = [
  { productId: lamp, quantity: 2 },
  { productId: desk, quantity: 1 },
]
const unpriced = lines.map((line) => ({ ...line, unitPrice: null }))
const priced = [
  { productId: lamp, quantity: 2, unitPrice: 300 },
  { productId: desk, quantity: 1, unitPrice: 5000 },
]

const order = (outcome: Outcome = { status: 'PROCESSING' }, more: Partial<Order> = {}): Order =>
  ({
    id: orderId,
    userId,
    mode: 'choreography',
    items: unpriced,
    createdAt: noon,
    updatedAt: noon,
    ...more,
    ...outcome,
  }) as Order
const state = (current?: Order, claim?: Claim): OrderState => ({ orderId, now: later, order: current, claim })
const paid = order({ status: 'SUCCESS', total: 5600 }, { items: priced, updatedAt: later })
const gone = (reason: Reason) => order({ status: 'FAILED', reason }, { updatedAt: later })

const place = (more: Partial<PlaceOrder['data']> = {}): PlaceOrder => ({
  type: 'PlaceOrder',
  data: { orderId, userId, items: lines, mode: 'choreography', ...more },
})
const cancel: CancelOrder = { type: 'CancelOrder', data: { orderId } }
const expire: ExpireOrder = { type: 'ExpireOrder', data: { orderId } }
const noStock: DomainEvent<'StockRejected'> = {
  type: 'StockRejected',
  data: { orderId, reason: 'out_of_stock' },
}
const noMoney: DomainEvent<'BalanceRejected'> = {
  type: 'BalanceRejected',
  data: { orderId, userId, reason: 'insufficient_balance' },
}
const debited: DomainEvent<'BalanceDebited'> = {
  type: 'BalanceDebited',
  data: { orderId, userId, amount: 5600, items: priced },
}
const failed = (reason: Reason): DomainEvent<'OrderFailed'> => ({
  type: 'OrderFailed',
  data: { orderId, userId, reason },
})

const refuses = (decide: () => unknown, kind: string, code: string) =>
  assert.throws(
    decide,
    (error: unknown) => error instanceof Refused && error.kind === kind && error.code === code,
  )

test('a new order begins as PROCESSING, with no prices yet, in the mode it was placed in', () => {
  for (const mode of ['choreography', 'rpc'] as const) {
    given(state())
      .when(placeOrder, place({ mode }))
      .says([{ type: 'OrderPlaced', data: { orderId, userId, items: lines } }])
      .leaves(state(order({ status: 'PROCESSING' }, { mode, createdAt: later, updatedAt: later })))
  }
})

test('the same order again changes nothing, whatever became of it', () => {
  for (const current of [order(), paid, gone('expired')]) {
    given(state(current)).when(placeOrder, place()).says([]).leaves(state(current))
  }
})

test('another content under a used order id is refused', () => {
  const others = [
    { userId: lamp },
    { items: lines.slice(0, 1) },
    { items: [...lines].reverse() },
    { items: [{ productId: lamp, quantity: 3 }, lines[1] as (typeof lines)[0]] },
  ]
  for (const other of others)
    refuses(() => placeOrder(state(order()), place(other)), 'conflict', 'order.exists')
})

test('a new Idempotency-Key is claimed for the order it placed', () => {
  const idempotency = { key: 'k', requestHash: 'h' }
  const { state: after } = given(state())
    .when(placeOrder, place({ idempotency }))
    .says([{ type: 'OrderPlaced', data: { orderId, userId, items: lines } }])
  assert.equal(after.claim, { key: 'k', requestHash: 'h', orderId })
})

test('a used key with the same request places nothing and leads to the first order', () => {
  const before = state(undefined, { key: 'k', requestHash: 'h', orderId: lamp })
  given(before)
    .when(placeOrder, place({ idempotency: { key: 'k', requestHash: 'h' } }))
    .says([])
    .leaves(before)
})

test('a used key with another request is refused', () => {
  const before = state(undefined, { key: 'k', requestHash: 'h', orderId: lamp })
  const other = place({ idempotency: { key: 'k', requestHash: 'other' } })
  refuses(() => placeOrder(before, other), 'mismatch', 'idempotency.key_reused')
})

test('a refusal of stock or money fails the order with its reason', () => {
  given(state(order()))
    .when(rejectOrder, noStock)
    .says([failed('out_of_stock')])
    .leaves(state(gone('out_of_stock')))
  given(state(order()))
    .when(rejectOrder, noMoney)
    .says([failed('insufficient_balance')])
    .leaves(state(gone('insufficient_balance')))
})

test('a debit makes the order succeed, with its total and the prices it was reserved at', () => {
  given(state(order()))
    .when(confirmOrder, debited)
    .says([{ type: 'OrderSucceeded', data: { orderId, userId, total: 5600 } }])
    .leaves(state(paid))
})

test('a debit of another user, or for other items, is refused and changes nothing; the order of its lines is all one', () => {
  const { data } = debited
  const others = { ...debited, data: { ...data, userId: lamp } }
  refuses(() => confirmOrder(state(order()), others), 'conflict', 'order.other_user')
  const [first, second] = priced as [(typeof priced)[0], (typeof priced)[0]]
  for (const items of [
    [],
    [first],
    [first, { ...second, quantity: 2 }],
    [first, first],
    [...priced, first],
  ]) {
    const other = { ...debited, data: { ...data, items } }
    refuses(() => confirmOrder(state(order()), other), 'conflict', 'order.other_items')
  }
  const { userId: _, ...nobodys } = data
  given(state(order()))
    .when(confirmOrder, { ...debited, data: { ...nobodys, items: [second, first] } })
    .says([{ type: 'OrderSucceeded', data: { orderId, userId, total: 5600 } }])
    .leaves(state(paid))
})

test('a debit that does not know the prices leaves them unknown', () => {
  given(state(order()))
    .when(confirmOrder, { type: 'BalanceDebited', data: { orderId, userId, amount: 5600 } })
    .leaves(state(order({ status: 'SUCCESS', total: 5600 }, { updatedAt: later })))
})

test('an order that costs nothing succeeds too', () => {
  given(state(order()))
    .when(confirmOrder, { type: 'BalanceDebited', data: { orderId, userId, amount: 0 } })
    .says([{ type: 'OrderSucceeded', data: { orderId, userId, total: 0 } }])
})

test('an order that is PROCESSING can be cancelled', () => {
  given(state(order()))
    .when(cancelOrder, cancel)
    .says([failed('cancelled')])
    .leaves(state(gone('cancelled')))
})

test('a terminal order can not be cancelled, also when it was cancelled before', () => {
  for (const current of [paid, gone('out_of_stock'), gone('cancelled')])
    refuses(() => cancelOrder(state(current), cancel), 'conflict', 'order.terminal')
})

test('an order past its deadline fails as expired', () => {
  given(state(order()))
    .when(expireOrder, expire)
    .says([failed('expired')])
    .leaves(state(gone('expired')))
})

test('what comes late or twice changes nothing in a terminal order', () => {
  for (const current of [paid, gone('expired'), gone('cancelled'), gone('out_of_stock')]) {
    given(state(current)).when(confirmOrder, debited).says([]).leaves(state(current))
    given(state(current)).when(rejectOrder, noStock).says([]).leaves(state(current))
    given(state(current)).when(rejectOrder, noMoney).says([]).leaves(state(current))
    given(state(current)).when(expireOrder, expire).says([]).leaves(state(current))
  }
})

test('an answer, wish or deadline of an order that was never placed is refused', () => {
  for (const decide of [
    () => rejectOrder(state(), noStock),
    () => rejectOrder(state(), noMoney),
    () => confirmOrder(state(), debited),
    () => cancelOrder(state(), cancel),
    () => expireOrder(state(), expire),
  ])
    refuses(decide, 'not_found', 'order.not_found')
})

// Whole histories ------------------------------------------------------------------------------------------------------

type Step = (from: OrderState) => { state: OrderState; events: readonly DomainEvent[] }
const steps: readonly Step[] = [
  (from) => placeOrder(from, place()),
  (from) => rejectOrder(from, noStock),
  (from) => rejectOrder(from, noMoney),
  (from) => confirmOrder(from, debited),
  (from) => (from.order?.status === 'PROCESSING' ? cancelOrder(from, cancel) : { state: from, events: [] }),
  (from) => expireOrder(from, expire),
]

test('whatever comes, in whatever order: one terminal status, said once, and kept', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 12 }), (history) => {
      const placed = placeOrder(state(), place())
      let now: OrderState = placed.state
      const said: DomainEvent[] = [...placed.events]
      for (const step of history) {
        const { state: after, events } = step(now)
        if (now.order?.status !== 'PROCESSING') assert.equal(after.order, now.order)
        now = after
        said.push(...events)
      }
      const ends = said.filter(({ type }) => type === 'OrderSucceeded' || type === 'OrderFailed')
      assert.is(ends.length, now.order?.status === 'PROCESSING' ? 0 : 1)
      assert.is(said.length, ends.length + 1)
      if (ends[0] !== undefined) assert.is(ends[0].type === 'OrderSucceeded', now.order?.status === 'SUCCESS')
    }),
  )
})

test.run()
