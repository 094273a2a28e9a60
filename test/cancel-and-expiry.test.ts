import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addProduct, addUser, checkInvariants, type OrderBody, place, withSystem } from './system/index.ts'

test('an order that is cancelled or expires holds nothing, whatever comes later', () =>
  withSystem({ mode: 'choreography', env: { ORDER_DEADLINE_MS: '4000' } }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 2 }]
    await system.product.pause()
    const { body: order } = await place(system, userId, items)
    assert.is(order.status, 'PROCESSING')
    const cancelled = await system.order.post<OrderBody>(`/orders/${order.id}/cancel`)
    assert.equal(
      [cancelled.status, cancelled.body.status, cancelled.body.reason],
      [200, 'FAILED', 'cancelled'],
    )
    assert.is((await system.order.post(`/orders/${order.id}/cancel`)).status, 409)
    assert.is((await system.order.post(`/orders/${randomUUID()}/cancel`)).status, 404)
    system.product.resume()
    for (const paused of [system.product, system.user]) {
      await paused.pause()
      const { body } = await place(system, userId, items, { Prefer: 'wait=20' })
      assert.equal([body.status, body.reason], ['FAILED', 'expired'])
      paused.resume()
    }
    const { user, product } = await checkInvariants(system)
    assert.equal([user.users[0]?.balance, product.products[0]?.stock], [1_000, 10])
    assert.is(user.payments.filter(({ status }) => status === 'DEBITED').length, 0)
  }))

test.run()
