import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Mode, services } from '../shared/contracts/index.ts'
import { eventually } from '../shared/testing/index.ts'
import { addProduct, addUser, checkInvariants, place, type System, withSystem } from './system/index.ts'

const env = { RPC_TIMEOUT_MS: '4000', ORDER_DEADLINE_MS: '8000' }
const orderCount = async (system: System) => (await system.sql('order', 'SELECT 1 FROM orders')).length

/** Orders from a few clients at once, until told to stop; what gets no answer is tried no more. */
const traffic = (system: System, userId: string, productId: string) => {
  let going = true
  const client = async () => {
    while (going) {
      const sent = place(system, userId, [{ productId, quantity: 1 }], { 'Idempotency-Key': randomUUID() })
      await sent.catch(() => new Promise((resolve) => setTimeout(resolve, 50)))
    }
  }
  const clients = [client(), client(), client()]
  return async () => {
    going = false
    await Promise.all(clients)
  }
}

const switchUnderLoad = (from: Mode, to: Mode, how: 'stop' | 'kill') =>
  withSystem({ mode: from, env }, async (system) => {
    const userId = await addUser(system)
    const productId = await addProduct(system)
    const halt = traffic(system, userId, productId)
    await eventually(async () => (await orderCount(system)) >= 15, { withinMs: 30_000 })
    await Promise.all(services.map((service) => system[service][how]()))
    const before = await orderCount(system)
    await Promise.all(services.map((service) => system[service].start({ SAGA_MODE: to })))
    await eventually(async () => (await orderCount(system)) >= before + 10, { withinMs: 30_000 })
    await halt()
    const { body } = await place(system, userId, [{ productId, quantity: 1 }], { Prefer: 'wait=20' })
    assert.equal([body.status, body.mode], ['SUCCESS', to])
    const { order } = await checkInvariants(system)
    assert.equal(new Set(order.orders.map(({ mode }) => mode)), new Set(['choreography', 'rpc']))
  })

test('switching from choreography to RPC strands nothing', () =>
  switchUnderLoad('choreography', 'rpc', 'stop'))
test('switching from RPC to choreography strands nothing', () =>
  switchUnderLoad('rpc', 'choreography', 'stop'))
test('nor does a switch with a crash, from choreography to RPC', () =>
  switchUnderLoad('choreography', 'rpc', 'kill'))

test('an RPC order that a crash left behind is ended by events after the switch', () =>
  withSystem({ mode: 'rpc', env }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10)
    await system.user.pause()
    const lost = place(system, userId, [{ productId, quantity: 2 }]).catch(() => undefined)
    const held = () =>
      system.sql<{ status: string }>('product', `SELECT status FROM reservations WHERE status = 'RESERVED'`)
    await eventually(async () => (await held()).length === 1)
    await Promise.all(services.map((service) => system[service].kill()))
    await lost
    assert.is((await held()).length, 1, 'the crash left stock taken')
    // A service that is back before its requests expire goes on with the chain: that is no order left behind.
    for (const procedure of ['product_stock_update', 'user_check'] as const) {
      await eventually(async () => (await system.broker.count(system.name(procedure))) === 0)
    }
    await Promise.all(services.map((service) => system[service].start({ SAGA_MODE: 'choreography' })))
    const { order, product, user } = await checkInvariants(system)
    assert.equal(
      order.orders.map(({ status, mode }) => [status, mode]),
      [['FAILED', 'rpc']],
    )
    assert.equal([product.products[0]?.stock, user.users[0]?.balance], [10, 1_000])
  }))

test.run()
