import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addProduct,
  addUser,
  checkInvariants,
  place,
  placeMany,
  type Seen,
  type System,
  seeded,
  snapshotOf,
  withSystem,
} from './system/index.ts'

const again = ({ body, routingKey, properties, type }: Seen, system: System) => ({
  exchange: system.name(`EX_${owner[type] ?? 'ORDER'}`),
  routingKey,
  body,
  properties: withoutUser(properties),
})
const owner: Record<string, string> = {
  StockReserved: 'PRODUCT',
  StockRejected: 'PRODUCT',
  StockReleased: 'PRODUCT',
  BalanceDebited: 'USER',
  BalanceRejected: 'USER',
  BalanceRefunded: 'USER',
}
const withoutUser = ({ userId: _, ...rest }: Seen['properties']) => rest

test('messages doubled tenfold at once, and a recorded stream shuffled, change nothing', () =>
  withSystem({ mode: 'choreography' }, async (system) => {
    const users = [await addUser(system, 1_500), await addUser(system)]
    await placeMany(system, 40, users, await addProduct(system, 30, 100))
    await checkInvariants(system)
    const before = await snapshotOf(system)
    const recorded = [...system.broker.wiretap]
    const heard = recorded.filter(({ type }) => type !== 'OrderSucceeded')

    const tenfold = heard.slice(0, 30).flatMap((one) => Array.from({ length: 10 }, () => again(one, system)))
    await Promise.all(
      [0, 1, 2, 3].map((part) => system.broker.publish(...tenfold.filter((_, n) => n % 4 === part))),
    )
    const random = seeded(7)
    const shuffled = [...recorded]
      .map((one) => ({ one, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => again(one, system))
    await system.broker.publish(...shuffled)
    assert.equal(await checkInvariants(system), before, 'not a row more, not a row less')
    assert.ok(system.broker.wiretap.length >= recorded.length + tenfold.length)
  }))

test('events in the wrong order, from the outcome to the cause, leave every order as it must be', () =>
  withSystem({ mode: 'choreography' }, async (system) => {
    const userId = await addUser(system, 1_000)
    const productId = await addProduct(system, 10, 100)
    await system.product.pause()
    const { body: order } = await place(system, userId, [{ productId, quantity: 1 }])
    assert.is((await system.order.post(`/orders/${order.id}/cancel`)).status, 200)
    const orderId = order.id
    const event = (type: string, service: string, routingKey: string, data: object) => ({
      exchange: system.name(`EX_${service.toUpperCase()}`),
      routingKey,
      body: { orderId, userId, ...data },
      properties: {
        messageId: randomUUID(),
        type,
        correlationId: orderId,
        contentType: 'application/json',
        headers: { 'cloudEvents:dataversion': '1', 'cloudEvents:source': `/services/${service}` },
      },
    })
    const items = [{ productId, quantity: 1, unitPrice: 100 }]
    const planted = [
      event('BalanceDebited', 'user', 'update.balance', { amount: 100, items }),
      event('StockReserved', 'product', 'user.check', { total: 100, items }),
    ]
    await system.broker.publish(...planted)
    system.product.resume()
    const { user, product } = await checkInvariants(system, {
      planted: planted.map(({ properties }) => properties.messageId),
    })
    assert.equal([user.users[0]?.balance, product.products[0]?.stock], [1_000, 10])
  }))

test.run()
