import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { addProduct, addUser, checkInvariants, type System, withSystem } from './system/index.ts'

type Reply = Record<string, unknown> & {
  ok: boolean
  order?: { id: string; status: string; total: number | null }
  error?: { code: string }
}
/** A program of somebody else's: an AMQP client, a reply queue of its own, and the table of queues in the design. */
interface Stranger {
  ask(queue: string, request: unknown, properties?: object): Promise<Reply>
}

const withStranger = (system: System, replyQueue: string, use: (it: Stranger) => Promise<void>) =>
  system.broker.withChannel(async (channel) => {
    const { queue: replyTo } = await channel.assertQueue(replyQueue, { exclusive: true })
    const replies = new Map<string, Reply>()
    await channel.consume(
      replyTo,
      (message) =>
        message && replies.set(message.properties.correlationId, JSON.parse(message.content.toString())),
      { noAck: true },
    )
    await use({
      async ask(queue, request, properties = {}) {
        const correlationId = randomUUID()
        const body = Buffer.from(typeof request === 'string' ? request : JSON.stringify(request))
        channel.sendToQueue(system.name(queue), body, { replyTo, correlationId, ...properties })
        return eventually(() => replies.get(correlationId), { withinMs: 15_000 })
      },
    })
  })

for (const mode of ['rpc', 'choreography'] as const) {
  test(`a stranger calls all five procedures (${mode})`, () =>
    withSystem({ mode }, async (system) => {
      const userId = await addUser(system, 1_000)
      const productId = await addProduct(system, 10, 100)
      const items = [{ productId, quantity: 2 }]
      const priced = [{ productId, quantity: 2, unitPrice: 100 }]
      const use = async ({ ask }: Stranger) => {
        const { ok, order } = await ask('order_create', { userId, items, idempotencyKey: 'k' })
        assert.equal([ok, order?.status], [true, mode === 'rpc' ? 'SUCCESS' : 'PROCESSING'])
        const again = await ask('order_create', { userId, items, idempotencyKey: 'k' })
        assert.is(again.order?.id, order?.id)
        const orderId = order?.id as string
        await eventually(async () => {
          const { body } = await system.order.get(`/orders/${orderId}`)
          return body.status === 'SUCCESS'
        })

        const stock = { orderId, userId, items }
        assert.equal(await ask('product_stock_update', stock), { ok: true, total: 200, items: priced })
        assert.equal(await ask('user_check', { orderId, userId, amount: 200 }), { ok: true, balance: 800 })
        const success = { orderId, status: 'SUCCESS', total: 200, items: priced }
        const told = await ask('order_status_update', success)
        assert.equal([told.ok, told.order?.status, told.order?.total], [true, 'SUCCESS', 200])

        const other = randomUUID()
        assert.equal(await ask('user_check', { orderId: other, userId, amount: 300 }), {
          ok: true,
          balance: 500,
        })
        assert.equal(await ask('user_refund', { orderId: other, userId }), { ok: true, refunded: 300 })
        assert.equal(await ask('user_refund', { orderId: randomUUID(), userId }), { ok: true, refunded: 0 })
        assert.equal(await ask('user_check', { orderId: randomUUID(), userId, amount: 1_000_000 }), {
          ok: false,
          reason: 'insufficient_balance',
        })
        assert.equal(
          await ask('product_stock_update', {
            ...stock,
            orderId: randomUUID(),
            items: [{ productId, quantity: 99 }],
          }),
          { ok: false, reason: 'out_of_stock' },
        )

        const codeOf = async (asking: Promise<Reply>) => (await asking).error?.code
        const unknown = { ...stock, orderId: randomUUID() }
        assert.is(await codeOf(ask('product_stock_update', unknown)), 'order.not_found')
        assert.is(
          await codeOf(ask('order_status_update', { orderId: other, status: 'FAILED', reason: 'expired' })),
          'order.not_found',
        )
        assert.is(
          await codeOf(ask('order_status_update', { orderId, status: 'FAILED', reason: 'expired' })),
          'order.terminal',
        )
        for (const queue of [
          'order_create',
          'product_stock_update',
          'user_check',
          'user_refund',
          'order_status_update',
        ]) {
          assert.is(await codeOf(ask(queue, {})), 'rpc.invalid')
          assert.is(await codeOf(ask(queue, '{"orderId"')), 'body.not_json')
          assert.is(await codeOf(ask(queue, {}, { type: 'drop_tables' })), 'rpc.unknown_procedure')
        }
        const otherBody = { userId, items: [{ productId, quantity: 3 }], idempotencyKey: 'k' }
        assert.is(await codeOf(ask('order_create', otherBody)), 'idempotency.key_reused')
      }
      await withStranger(system, '', use)
      await eventually(async () => {
        const { body } = await system.product.get(`/products/${productId}`)
        return body.stock === 8
      })
      if (mode === 'rpc') {
        const named = `stranger.${randomUUID()}`
        await withStranger(system, named, async ({ ask }) => {
          assert.is((await ask('order_create', { userId, items })).order?.status, 'SUCCESS')
        })
      }
    }))
}

test('an order is not paid by another user, and an undo pays only who paid', () =>
  withSystem({ mode: 'rpc' }, async (system) => {
    const [ada, bob] = [await addUser(system, 1_000), await addUser(system, 1_000)]
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 2 }]
    const balanceOf = async (id: string) => (await system.user.get<{ balance: number }>(`/users/${id}`)).body
    const holds = async (ofAda: number, ofBob: number) =>
      (await balanceOf(ada)).balance === ofAda && (await balanceOf(bob)).balance === ofBob
    await withStranger(system, '', async ({ ask }) => {
      const { order } = await ask('order_create', { userId: ada, items })
      assert.is(order?.status, 'SUCCESS')
      const wrong = { orderId: order?.id, userId: bob }
      assert.is((await ask('user_refund', wrong)).error?.code, 'payment.exists')
      assert.ok(await holds(800, 1_000))

      await system.product.pause()
      const placing = ask('order_create', { userId: ada, items })
      const open = await eventually(async () => {
        const { body } = await system.order.get<{ items: { id: string }[] }>('/orders?status=PROCESSING')
        return body.items[0]
      })
      assert.is((await ask('user_check', { orderId: open.id, userId: bob, amount: 200 })).ok, true)
      const paid = { orderId: open.id, userId: bob, status: 'SUCCESS', total: 200 }
      const priced = [{ productId, quantity: 2, unitPrice: 100 }]
      assert.is(
        (await ask('order_status_update', { ...paid, items: priced })).error?.code,
        'order.other_user',
      )
      system.product.resume()
      await placing
      assert.equal(await ask('user_refund', { orderId: open.id, userId: bob }), { ok: true, refunded: 200 })
      await eventually(() => holds(800, 1_000))
    })
  }))

test('what nobody can be answered for is set aside, and no work queue is ever answered to', () =>
  withSystem({ mode: 'rpc' }, async (system) => {
    const queue = system.name('user_refund')
    const request = { orderId: randomUUID(), userId: randomUUID() }
    const wrong: [string, object][] = [
      ['rpc.no_return_address', {}],
      ['rpc.return_address', { correlationId: 'c', replyTo: system.name('order.events') }],
      ['rpc.return_address', { correlationId: 'c', replyTo: system.name('order.create') }],
    ]
    for (const [code, properties] of wrong) {
      await system.broker.publish({ routingKey: queue, body: request, properties })
      await eventually(() =>
        system.broker.withChannel(async (channel) => {
          const dead = await channel.get(`${queue}.dead`, { noAck: true })
          return dead !== false && dead.properties.headers?.['x-reason-code'] === code
        }),
      )
    }
    assert.is(await system.broker.count(system.name('order.create.dead')), 0)
    await checkInvariants(system)
  }))

test.run()
