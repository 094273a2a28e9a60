import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, Reason } from '../../shared/contracts/index.ts'
import { given } from '../../shared/testing/index.ts'
import { type Account, type BalanceState, debitBalance, type Payment, refundBalance } from './domain.ts'

const orderId = '01900000-0000-7000-8000-000000000001'
const userId = '01900000-0000-7000-8000-000000000002'
const items = [{ productId: '01900000-0000-7000-8000-00000000000a', quantity: 2, unitPrice: 150 }]

const account = (balance: number, deleted = false): Account => ({ id: userId, balance, deleted })
const state = (it: Account | undefined, payment?: Payment): BalanceState => ({
  orderId,
  payment,
  account: it,
})
const reserved = (total: number): DomainEvent<'StockReserved'> => ({
  type: 'StockReserved',
  data: { orderId, userId, total, items },
})
const failed = (reason: Reason, of = userId): DomainEvent<'OrderFailed'> => ({
  type: 'OrderFailed',
  data: { orderId, userId: of, reason },
})
const rejected = (reason: Reason): DomainEvent<'BalanceRejected'> => ({
  type: 'BalanceRejected',
  data: { orderId, userId, reason },
})
const debited: Payment = { status: 'DEBITED', userId, amount: 300 }
const refunded: Payment = { status: 'REFUNDED', userId, amount: 300 }

test('the total is debited, to the last unit, and the lines are passed on', () => {
  given(state(account(300)))
    .when(debitBalance, reserved(300))
    .says([{ type: 'BalanceDebited', data: { orderId, userId, amount: 300, items } }])
    .leaves(state(account(0), debited))
})

test('an order that costs nothing is debited nothing, also from an empty account', () => {
  given(state(account(0)))
    .when(debitBalance, reserved(0))
    .says([{ type: 'BalanceDebited', data: { orderId, userId, amount: 0, items } }])
    .leaves(state(account(0), { status: 'DEBITED', userId, amount: 0 }))
})

test('one unit short, and nothing is debited', () => {
  given(state(account(299)))
    .when(debitBalance, reserved(300))
    .says([rejected('insufficient_balance')])
    .leaves(state(account(299), { status: 'REJECTED', userId, reason: 'insufficient_balance' }))
})

test('an unknown or deleted user is rejected, whatever the balance', () => {
  for (const it of [undefined, account(1000, true)]) {
    given(state(it))
      .when(debitBalance, reserved(300))
      .says([rejected('unknown_user')])
      .leaves(state(it, { status: 'REJECTED', userId, reason: 'unknown_user' }))
  }
})

test('an order that was debited is not debited again, refunded or not', () => {
  for (const payment of [debited, refunded]) {
    const before = state(account(1000), payment)
    given(before).when(debitBalance, reserved(300)).says([]).leaves(before)
  }
})

test('what was debited goes back when the order fails, also to a user deleted since', () => {
  for (const deleted of [false, true]) {
    given(state(account(5, deleted), debited))
      .when(refundBalance, failed('expired'))
      .says([{ type: 'BalanceRefunded', data: { orderId, userId, amount: 300 } }])
      .leaves(state(account(305, deleted), refunded))
  }
})

test('the refund goes to the user that was debited, whoever the failure names', () => {
  given(state(account(5), debited))
    .when(refundBalance, failed('expired', '01900000-0000-7000-8000-0000000000ff'))
    .says([{ type: 'BalanceRefunded', data: { orderId, userId, amount: 300 } }])
})

test('a failure before the cause is remembered, and refuses the late cause', () => {
  const remembered = state(account(1000), { status: 'REJECTED', userId, reason: 'cancelled' })
  const { state: after } = given(state(account(1000)))
    .when(refundBalance, failed('cancelled'))
    .says([])
    .leaves(remembered)
  given(after)
    .when(debitBalance, reserved(300))
    .says([rejected('cancelled')])
    .leaves(remembered)
})

test('a second failure changes nothing', () => {
  for (const payment of [refunded, { status: 'REJECTED', userId, reason: 'expired' } as const]) {
    const before = state(account(1000), payment)
    given(before).when(refundBalance, failed('cancelled')).says([]).leaves(before)
  }
})

// Whole histories ------------------------------------------------------------------------------------------------------

const accounts = fc.option(fc.record({ balance: fc.nat(1000), deleted: fc.boolean() }), { nil: undefined })
const histories = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }))
  .chain(([causes, failures]) =>
    fc.shuffledSubarray(
      [...Array(causes).fill('StockReserved'), ...Array(failures).fill('OrderFailed')] as string[],
      { minLength: causes + failures },
    ),
  )
const run = (from: BalanceState, total: number, history: readonly string[]) =>
  history.map((type) => {
    const { state: after, events } =
      type === 'StockReserved' ? debitBalance(from, reserved(total)) : refundBalance(from, failed('expired'))
    from = after
    return { after, said: events.map((event) => event.type) }
  })
const start = (it: { balance: number; deleted: boolean } | undefined) => state(it && { id: userId, ...it })

test('a balance is never negative, and what is missing is what is debited', () => {
  fc.assert(
    fc.property(accounts, fc.nat(1500), histories, (it, total, history) => {
      for (const { after } of run(start(it), total, history)) {
        const taken = after.payment?.status === 'DEBITED' ? after.payment.amount : 0
        assert.ok((after.account?.balance ?? 0) >= 0)
        assert.is((after.account?.balance ?? 0) + taken, it?.balance ?? 0)
      }
    }),
  )
})

test('a failed order leaves the balance as it was, however often and in whatever order its events come', () => {
  fc.assert(
    fc.property(accounts, fc.nat(1500), histories, (it, total, history) => {
      fc.pre(history.includes('OrderFailed'))
      const steps = run(start(it), total, history)
      const last = steps.at(-1)?.after as BalanceState
      assert.equal(last.account, start(it).account)
      assert.ok(last.payment?.status === 'REFUNDED' || last.payment?.status === 'REJECTED')
      const said = steps.flatMap((step) => step.said)
      const debits = said.filter((type) => type === 'BalanceDebited').length
      assert.ok(debits <= 1)
      assert.is(said.filter((type) => type === 'BalanceRefunded').length, debits)
    }),
  )
})

test('an order that did not fail ends the same with one StockReserved or many', () => {
  fc.assert(
    fc.property(accounts, fc.nat(1500), fc.integer({ min: 2, max: 5 }), (it, total, times) => {
      const once = run(start(it), total, ['StockReserved']).at(-1)?.after
      assert.equal(run(start(it), total, Array(times).fill('StockReserved')).at(-1)?.after, once)
    }),
  )
})

test.run()
