import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  getOrder,
  type OrderBody,
  place,
  type System,
  snapshotOf,
  withSystem,
} from './system/index.ts'

const timeoutMs = 3_000
const env = { RPC_TIMEOUT_MS: String(timeoutMs) }

const rowsOf = async (system: System) => {
  const { order, product, user } = await snapshotOf(system)
  const services = [order, product, user]
  return services.flatMap(({ outbox, inbox }) => [...outbox, ...inbox]).length
}
const nothingHeld = async (system: System, stock: number, balance: number) => {
  const { product, user } = await snapshotOf(system)
  return product.products[0]?.stock === stock && user.users[0]?.balance === balance
}

test('a POST answers the terminal order, and nothing is written for events', () =>
  withSystem({ mode: 'rpc', env }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 2 }]
    const { status, body, headers } = await place(system, userId, items)
    assert.equal([status, body.status, body.mode, body.total], [201, 'SUCCESS', 'rpc', 200])
    assert.is(headers.location, `/orders/${body.id}`)
    assert.equal(await getOrder(system, body.id), body)
    assert.is((await system.order.post(`/orders/${body.id}/cancel`)).status, 409)
    const endings = await Promise.all(
      Array.from({ length: 20 }, () => place(system, userId, items, { 'Idempotency-Key': 'same' })),
    )
    assert.is(new Set(endings.map((it) => it.body.id)).size, 1)
    await system.order.post<OrderBody>('/orders', { userId, items: [{ productId, quantity: 9 }] })
    assert.ok(await nothingHeld(system, 6, 600))
    assert.is(await rowsOf(system), 0)
    assert.is(system.broker.wiretap.length, 0)
    await checkInvariants(system)
  }))

test('a service that is down fails the order in time, and nothing is held', () =>
  withSystem({ mode: 'rpc', env }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 2 }]
    await system.user.stop()
    const answers = await Promise.all(Array.from({ length: 4 }, () => place(system, userId, items)))
    for (const { status, body, ms } of answers) {
      assert.equal([status, body.status, body.reason], [201, 'FAILED', 'rpc_timeout'])
      // Generous: the machine may be busy.
      assert.ok(ms < timeoutMs + 3_000, `${ms} ms`)
    }
    await eventually(() => nothingHeld(system, 10, 1_000))
    // By now the circuit is open: refused at once, again and again.
    await place(system, userId, items)
    const refused = await place(system, userId, items)
    assert.ok(refused.ms < timeoutMs / 2, `${refused.ms} ms`)
    await system.user.start()
    await eventually(
      async () => (await place(system, userId, [{ productId, quantity: 1 }])).body.status === 'SUCCESS',
      {
        withinMs: 30_000,
        everyMs: 300,
      },
    )
    await eventually(() => nothingHeld(system, 9, 900), { withinMs: 30_000 })
    assert.is(await rowsOf(system), 0)
  }))

test('a service that hangs with requests in its hands executes none of them once their callers are gone', () =>
  withSystem({ mode: 'rpc', env }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 1 }]
    for (const hanging of [system.user, system.product]) {
      await hanging.pause()
      const answers = await Promise.all(Array.from({ length: 3 }, () => place(system, userId, items)))
      for (const { body } of answers) assert.equal([body.status, body.reason], ['FAILED', 'rpc_timeout'])
      hanging.resume()
      await eventually(() => nothingHeld(system, 10, 1_000), { withinMs: 30_000 })
    }
    await eventually(async () => (await place(system, userId, items)).body.status === 'SUCCESS', {
      withinMs: 30_000,
      everyMs: 300,
    })
    const { user } = await checkInvariants(system)
    assert.is(user.ledger.filter(({ kind }) => kind === 'DEBIT').length, 1, 'no debit and refund on the way')
  }))

test.run()
