import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Mode, maxMoney, modes } from '../shared/contracts/index.ts'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  getOrder,
  type Properties,
  type System,
  withSystem,
} from './system/index.ts'

const withShop = (
  mode: Mode,
  use: (shop: { system: System; userId: string; productId: string }) => Promise<void>,
) =>
  withSystem({ mode }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 100, 100)
    await use({ system, userId, productId })
  })

const send = (
  system: System,
  queue: string,
  body: unknown,
  properties: Properties = { messageId: randomUUID() },
) => system.broker.publish({ routingKey: system.name(queue), body, properties })

/** Takes one message off a command's dead-letter queue, and answers the code of its reason. */
const deadCode = (system: System, queue: string) =>
  eventually(
    () =>
      system.broker.withChannel(async (channel) => {
        const dead = await channel.get(system.name(`${queue}.dead`), { noAck: true })
        if (dead === false) return undefined
        assert.ok(dead.properties.headers?.['x-reason'], 'in words, too')
        return String(dead.properties.headers?.['x-reason-code'])
      }),
    { withinMs: 20_000, everyMs: 100 },
  )

const ended = (system: System, orderId: string) =>
  eventually(
    async () => {
      const order = await getOrder(system, orderId)
      return (
        (order.status === 'SUCCESS' || order.status === 'FAILED') &&
        `${order.status} ${order.reason ?? ''}`.trim()
      )
    },
    { withinMs: 20_000, everyMs: 50 },
  )

const ordersIn = async (system: System) => (await system.sql('order', 'SELECT 1 FROM orders')).length
const balanceOf = async (system: System, userId: string) =>
  (await system.user.get<{ balance: number }>(`/users/${userId}`)).body.balance
const allGivenBack = async (system: System, userId: string, productId: string) => {
  await eventually(async () => (await balanceOf(system, userId)) === 1_000)
  await eventually(
    async () => (await system.product.get<{ stock: number }>(`/products/${productId}`)).body.stock === 100,
  )
}

for (const mode of modes) {
  test(`order.create places an order once, however often it comes (${mode})`, () =>
    withShop(mode, async ({ system, userId, productId }) => {
      const body = { userId, items: [{ productId, quantity: 1 }] }
      const messageId = randomUUID()
      await system.broker.publish(
        ...Array.from({ length: 10 }, () => ({
          routingKey: system.name('order.create'),
          body,
          properties: { messageId },
        })),
      )
      assert.is(await ended(system, messageId), 'SUCCESS', 'under the id of its message')
      const orderId = randomUUID()
      await send(system, 'order.create', { orderId, ...body })
      assert.is(await ended(system, orderId), 'SUCCESS')
      await send(system, 'order.create', { orderId, ...body })
      await send(system, 'order.create', { orderId, ...body, items: [{ productId, quantity: 2 }] })
      assert.is(await deadCode(system, 'order.create'), 'order.exists')
      const poor = randomUUID()
      await send(
        system,
        'order.create',
        { ...body, items: [{ productId, quantity: 50 }] },
        { messageId: poor },
      )
      assert.is(await ended(system, poor), 'FAILED insufficient_balance')
      assert.is(await ordersIn(system), 3)
      assert.is(await system.broker.count(system.name('order.create.dead')), 0)
      await checkInvariants(system)
    }))

  test(`order.update cancels what is PROCESSING, and nothing else (${mode})`, () =>
    withShop(mode, async ({ system, userId, productId }) => {
      const orderId = randomUUID()
      const cancel = (id = orderId) => send(system, 'order.update', { orderId: id, action: 'cancel' })
      await system.product.pause()
      await send(system, 'order.create', { orderId, userId, items: [{ productId, quantity: 1 }] })
      await eventually(async () => (await getOrder(system, orderId)).status === 'PROCESSING')
      await cancel()
      assert.is(await ended(system, orderId), 'FAILED cancelled')
      system.product.resume()
      await cancel()
      assert.is(await deadCode(system, 'order.update'), 'order.terminal')
      await cancel(randomUUID())
      assert.is(await deadCode(system, 'order.update'), 'retries.exhausted', 'its order never came')
      await allGivenBack(system, userId, productId)
      await checkInvariants(system)
    }))

  test(`a cancellation that overtakes its order is tried again (${mode})`, () =>
    withShop(mode, async ({ system, userId, productId }) => {
      const orderIds = Array.from({ length: 10 }, () => randomUUID())
      const items = [{ productId, quantity: 1 }]
      await system.product.pause()
      // All in one go: a pause between an order's two messages would be taken off the short ladder that tests have.
      const messages = orderIds.flatMap((orderId) => [
        { routingKey: system.name('order.update'), body: { orderId, action: 'cancel' } },
        { routingKey: system.name('order.create'), body: { orderId, userId, items } },
      ])
      await system.broker.publish(
        ...messages.map((it) => ({ ...it, properties: { messageId: randomUUID() } })),
      )
      for (const orderId of orderIds) assert.is(await ended(system, orderId), 'FAILED cancelled')
      assert.is(await system.broker.count(system.name('order.update.dead')), 0)
      system.product.resume()
      // Nobody says when a chain of calls is over; until product has seen all of them nothing was taken that could be given back.
      await eventually(async () => {
        const seen = await system.sql<{ status: string }>('product', 'SELECT status FROM reservations')
        return seen.length === orderIds.length && seen.every(({ status }) => status !== 'RESERVED')
      })
      await allGivenBack(system, userId, productId)
      await checkInvariants(system)
    }))

  test(`payment.process deposits once per message (${mode})`, () =>
    withShop(mode, async ({ system, userId }) => {
      const messageId = randomUUID()
      for (let n = 0; n < 10; n += 1)
        await send(system, 'payment.process', { userId, amount: 5 }, { messageId })
      await send(system, 'payment.process', { userId, amount: 5 })
      await eventually(async () => (await balanceOf(system, userId)) === 1_010)
      await send(system, 'payment.process', { userId: randomUUID(), amount: 5 })
      assert.is(await deadCode(system, 'payment.process'), 'user.not_found')
      await send(system, 'payment.process', { userId, amount: maxMoney })
      assert.is(await deadCode(system, 'payment.process'), 'user.balance_limit')
      assert.is(await balanceOf(system, userId), 1_010)
      assert.is(await system.broker.count(system.name('payment.process.dead')), 0)
      await checkInvariants(system)
    }))
}

test('a wrong command goes to the dead-letter queue, each with its reason', () =>
  withShop('choreography', async ({ system, userId, productId }) => {
    const items = [{ productId, quantity: 1 }]
    const order = { userId, items }
    const id = { messageId: randomUUID() }
    const wrong: [queue: string, code: string, body: unknown, properties?: Properties][] = [
      ['order.create', 'command.id', order, {}],
      ['order.create', 'command.id', order, { messageId: 'seventeen' }],
      ['order.create', 'body.empty', ''],
      ['order.create', 'body.not_json', '{"userId":'],
      ['order.create', 'body.not_an_object', '[]'],
      ['order.create', 'body.content_type', order, { ...id, contentType: 'text/plain' }],
      ['order.create', 'command.invalid', {}],
      ['order.create', 'command.invalid', { ...order, more: 1 }],
      ['order.create', 'command.invalid', { ...order, orderId: 'mine' }],
      ['order.create', 'command.invalid', { ...order, items: [] }],
      ['order.create', 'command.invalid', { ...order, items: [...items, ...items] }],
      ['order.create', 'command.invalid', { ...order, items: [{ productId, quantity: 0 }] }],
      ['order.create', 'command.invalid', { ...order, items: [{ productId, quantity: 1, price: 0 }] }],
      ['order.update', 'command.invalid', { orderId: randomUUID() }],
      ['order.update', 'command.invalid', { orderId: randomUUID(), action: 'delete' }],
      ['order.update', 'command.id', { orderId: randomUUID(), action: 'cancel' }, {}],
      ['payment.process', 'command.invalid', { userId, amount: 0 }],
      ['payment.process', 'command.invalid', { userId, amount: -5 }],
      ['payment.process', 'command.invalid', { userId, amount: 1.5 }],
      ['payment.process', 'command.invalid', { userId, amount: '5' }],
      ['payment.process', 'command.id', { userId, amount: 5 }, {}],
    ]
    for (const [queue, code, body, properties] of wrong) {
      await send(system, queue, body, properties)
      assert.is(await deadCode(system, queue), code, JSON.stringify(body))
    }
    assert.is(await ordersIn(system), 0)
    assert.is(await balanceOf(system, userId), 1_000)
  }))

test.run()
