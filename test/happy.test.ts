// modes: choreography, rpc
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  placeAndWait,
  type System,
  withSystem,
} from './system/index.ts'

const carriesTheEnvelope = async (system: System, userId: string, productId: string) => {
  const trace = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
  const { body: order } = await system.order.post(
    '/orders',
    { userId, items: [{ productId, quantity: 1 }] },
    { traceparent: trace },
  )
  const heard = (type: string) =>
    eventually(() => system.broker.wiretap.find((it) => it.type === type && it.orderId === order.id))
  const placed = await heard('OrderPlaced')
  const reserved = await heard('StockReserved')
  const { properties, headers } = reserved
  assert.equal(
    [properties.appId, properties.deliveryMode, properties.contentType, reserved.routingKey],
    ['product', 2, 'application/json', 'user.check'],
  )
  assert.is(headers['cloudEvents:specversion'], '1.0')
  assert.is(headers['cloudEvents:id'], reserved.id)
  assert.is(headers['cloudEvents:type'], 'StockReserved')
  assert.is(headers['cloudEvents:source'], '/services/product')
  assert.is(headers['cloudEvents:subject'], order.id)
  assert.is(headers['cloudEvents:causationid'], placed.id)
  assert.is(headers['cloudEvents:dataversion'], '1')
  assert.match(String(headers.traceparent), new RegExp(`^00-${'ab'.repeat(16)}-[0-9a-f]{16}-01$`))
  assert.match(String(headers['cloudEvents:time']), /^\d{4}-\d\d-\d\dT/)
}

test('every order ends as it should, over three services, and nothing is lost on the way', () =>
  withSystem({}, async (system) => {
    const rich = await addUser(system, 10_000)
    const poor = await addUser(system, 99)
    const tea = await addProduct(system, 100, 100)
    const rare = await addProduct(system, 1, 250)
    const one = (productId: string, quantity = 1) => ({ productId, quantity })

    const paid = await placeAndWait(system, rich, [one(tea, 3), one(rare)])
    assert.is(paid.status, 'SUCCESS')
    assert.is(paid.total, 550)
    assert.equal(
      paid.items.map(({ productId, quantity, unitPrice }) => [productId, quantity, unitPrice]),
      [
        [tea, 3, 100],
        [rare, 1, 250],
      ],
    )
    const endings: [string, string, { productId: string; quantity: number }[]][] = [
      ['out_of_stock', rich, [one(tea), one(rare)]],
      ['unknown_product', rich, [one(tea), one(randomUUID())]],
      ['insufficient_balance', poor, [one(tea)]],
      ['unknown_user', randomUUID(), [one(tea)]],
    ]
    for (const [reason, userId, items] of endings) {
      const order = await placeAndWait(system, userId, items)
      assert.equal([order.status, order.reason, order.total], ['FAILED', reason, null])
    }
    if (system.mode === 'choreography') await carriesTheEnvelope(system, await addUser(system, 100), tea)
    const { product, user } = await checkInvariants(system)
    assert.equal(
      product.products.map(({ stock }) => stock).sort((a, b) => a - b),
      [0, system.mode === 'choreography' ? 96 : 97],
    )
    assert.equal(
      user.users.map(({ balance }) => balance).sort((a, b) => a - b),
      system.mode === 'choreography' ? [0, 99, 9_450] : [99, 9_450],
    )
  }))

test.run()
