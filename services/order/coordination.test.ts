import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OrderBody } from '../../shared/contracts/index.ts'
import type { RpcOutcome } from '../../shared/messaging/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { type Desk, desk } from './testing/desk.ts'

const tea = '01900000-0000-7000-8000-a00000000001'
const ada = '01900000-0000-7000-8000-c00000000001'
const lines = [{ productId: tea, quantity: 2 }]
const priced = [{ productId: tea, quantity: 2, unitPrice: 100 }]
const body = { userId: ada, items: lines }

const reply = (said: Record<string, unknown>): RpcOutcome => ({ kind: 'reply', body: said })
const sold = () => reply({ ok: true, total: 200, items: priced })
const late: RpcOutcome = { kind: 'unknown', reason: 'no reply' }
const refunded = () => reply({ ok: true, refunded: 0 })

const post = ({ http }: Desk, key?: string) =>
  http<OrderBody>('POST', '/orders', body, key === undefined ? {} : { 'Idempotency-Key': key })
const end = ({ status, body: { status: order, reason } }: { status: number; body: OrderBody }) => [
  status,
  order,
  reason,
]

test(
  'POST answers the terminal order: 201, with prices and total, and nothing is waited for',
  desk({ mode: 'rpc', answers: { product_stock_update: sold } }, async (it) => {
    const answer = await post(it)
    assert.equal(end(answer), [201, 'SUCCESS', null])
    const { mode, total, items } = answer.body
    assert.equal([mode, total, items], ['rpc', 200, [{ ...lines[0], unitPrice: 100 }]])
    assert.equal(it.asked, ['product_stock_update'])
    const { body: later } = await it.http<OrderBody>('GET', `/orders/${answer.body.id}`)
    assert.equal(later, answer.body)
  }),
)

test(
  'a status update that came before the reply is not made twice',
  desk(
    {
      mode: 'rpc',
      answers: {
        product_stock_update: async ({ orderId }) => {
          await now.serve('order_status_update', { orderId, status: 'SUCCESS', total: 200, items: priced })
          return sold()
        },
      },
    },
    async (it) => {
      now = it
      assert.equal(end(await post(it)), [201, 'SUCCESS', null])
    },
  ),
)
let now: Desk

for (const [what, said, reason, undone] of [
  ['a refusal', reply({ ok: false, reason: 'out_of_stock' }), 'out_of_stock', false],
  ['an error', reply({ ok: false, error: { code: 'internal', message: 'x' } }), 'rpc_timeout', false],
  ['no answer', late, 'rpc_timeout', true],
  ['a dead service', { kind: 'unsent', reason: 'no queue' } as RpcOutcome, 'rpc_timeout', false],
] as const) {
  test(
    `${what} fails the order at once${undone ? ', and what may be debited is given back' : ''}`,
    desk(
      { mode: 'rpc', answers: { product_stock_update: () => said, user_refund: refunded } },
      async (it) => {
        assert.equal(end(await post(it)), [201, 'FAILED', reason])
        await it.rest()
        assert.is(it.asked.includes('user_refund'), undone)
      },
    ),
  )
}

test(
  'a dead service is refused without a call after five failures',
  desk({ mode: 'rpc', answers: { product_stock_update: () => late, user_refund: refunded } }, async (it) => {
    for (let n = 0; n < 8; n += 1) assert.equal(end(await post(it)), [201, 'FAILED', 'rpc_timeout'])
    assert.is(it.asked.filter((name) => name === 'product_stock_update').length, 5)
  }),
)

test('the same Idempotency-Key gets the same order; its chain runs once, and is joined while it runs', () => {
  let answer = (_: RpcOutcome) => {}
  const held = new Promise<RpcOutcome>((resolve) => {
    answer = resolve
  })
  return desk({ mode: 'rpc', answers: { product_stock_update: () => held } }, async (it) => {
    const first = post(it, 'k')
    await eventually(() => it.asked.length === 1)
    const second = post(it, 'k')
    // Time enough for the second to have begun a chain of its own, if it did.
    for (let n = 0; n < 30; n += 1) await it.http('GET', '/orders')
    answer(sold())
    const [one, two] = await Promise.all([first, second])
    assert.equal([end(one), end(two)], Array(2).fill([201, 'SUCCESS', null]))
    assert.is(two.body.id, one.body.id)
    const third = await post(it, 'k')
    assert.equal([end(third), third.body.id], [[201, 'SUCCESS', null], one.body.id])
    assert.equal(it.asked, ['product_stock_update'])
  })()
})

test(
  'a chain that a crash cut goes on when the same key, or the same message, comes again',
  desk({ mode: 'rpc', answers: { product_stock_update: sold } }, async (it) => {
    const cut = (orderId: string, idempotency?: object) =>
      it.ask({ type: 'PlaceOrder', data: { orderId, ...body, mode: 'rpc', idempotency } })
    const orderId = randomUUID()
    await cut(orderId)
    await it.command('order.create', { orderId, ...body }, randomUUID())
    assert.is(await it.statusOf(orderId), 'SUCCESS')
    assert.equal(it.asked, ['product_stock_update'])
  }),
)

test(
  'an order placed as a choreography is left to its events',
  desk({ mode: 'rpc', answers: { product_stock_update: sold } }, async (it) => {
    const orderId = randomUUID()
    await it.ask({ type: 'PlaceOrder', data: { orderId, ...body, mode: 'choreography' } })
    await it.command('order.create', { orderId, ...body }, randomUUID())
    assert.equal([await it.statusOf(orderId), it.asked], ['PROCESSING', []])
  }),
)

for (const [type, reason] of [
  ['CancelOrder', 'cancelled'],
  ['ExpireOrder', 'expired'],
] as const) {
  test(
    `an order that is ${reason} outside its chain has its debit given back`,
    desk({ mode: 'rpc', answers: { user_refund: refunded } }, async (it) => {
      const orderId = randomUUID()
      await it.ask({ type: 'PlaceOrder', data: { orderId, ...body, mode: 'rpc' } })
      await it.ask({ type, data: { orderId } })
      await it.rest()
      assert.equal([await it.statusOf(orderId), it.asked], [`FAILED ${reason}`, ['user_refund']])
    }),
  )
}

test(
  'an order that was cancelled while its chain ran stays cancelled',
  desk(
    {
      mode: 'rpc',
      answers: {
        user_refund: refunded,
        product_stock_update: async ({ orderId }) => {
          await now.command('order.update', { orderId, action: 'cancel' }, randomUUID())
          return reply({ ok: false, error: { code: 'order.terminal', message: 'x' } })
        },
      },
    },
    async (it) => {
      now = it
      assert.equal(end(await post(it)), [201, 'FAILED', 'cancelled'])
    },
  ),
)

test.run()
