// limit: 300 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  clientsWereTold,
  openShop,
  placeAndWait,
  type Shop,
  type System,
  sendTraffic,
  withSystem,
} from './system/index.ts'

const whileTraffic = async (system: System, shop: Shop, seed: number, strike: () => Promise<void>) => {
  let striking: Promise<void> | undefined
  const sent = await sendTraffic(system, shop, {
    orders: 60,
    clients: 6,
    seed,
    onSent(count) {
      if (count === 15) striking = strike()
    },
  })
  await striking
  await system.order.ready()
  await checkInvariants(system)
  return sent
}

const deletedQueueComesBack = async (system: System, userId: string, productId: string) => {
  await system.broker.withChannel((channel) => channel.deleteQueue(system.name('user.events')))
  // Its consumer comes last: a queue that is there and not bound yet gets nothing, and nobody is told, for the wiretap has it.
  await eventually(() =>
    system.broker.withChannel(
      async (channel) => (await channel.checkQueue(system.name('user.events'))).consumerCount > 0,
    ),
  )
  await system.user.ready()
  const order = await placeAndWait(system, userId, [{ productId, quantity: 1 }])
  assert.is(order.status, 'SUCCESS', 'the queue was made again and is listened to')
}

test('broker and database are restarted and killed in mid-traffic: the services recover unaided, nothing is lost', () =>
  withSystem({ mode: 'choreography', servers: 'private' }, async (system) => {
    const { postgres, rabbit } = system.servers
    const shop = await openShop(system)
    const strikes: (() => Promise<void>)[] = [
      () => rabbit.restart(),
      () => rabbit.kill('SIGKILL').then(() => rabbit.restart()),
      () => postgres.restart(),
      () => postgres.kill('SIGKILL').then(() => postgres.restart()),
    ]
    const sent = []
    for (const [n, strike] of strikes.entries()) sent.push(...(await whileTraffic(system, shop, n, strike)))
    // 0 is no answer at all, 503 is "try again"; anything else but 201 and 202 is a broken promise.
    assert.equal(await clientsWereTold(system, sent), [])
    await deletedQueueComesBack(system, shop.users[0] as string, shop.products[0] as string)
  }))

test('services start before broker and database, and wait for them', () =>
  withSystem({ servers: 'private', start: false }, async (system) => {
    const { postgres, rabbit } = system.servers
    const { order, product, user } = system
    await Promise.all([postgres.stop(), rabbit.stop()])
    for (const service of [order, product, user]) service.spawn()
    for (const service of [order, product, user])
      await eventually(async () => (await service.get('/readyz')).status === 503, { withinMs: 30_000 })
    assert.is((await order.get('/orders')).status, 503)
    await Promise.all([postgres.restart(), rabbit.restart()])
    await Promise.all([order, product, user].map((service) => service.ready()))
    const items = [{ productId: await addProduct(system), quantity: 1 }]
    const placed = await placeAndWait(system, await addUser(system), items)
    assert.is(placed.status, 'SUCCESS')
    await checkInvariants(system)
  }))

test('a broker that has something otherwise is named in one line, and the service ends with 69', () =>
  withSystem({ start: false }, async (system) => {
    const queue = system.name('product.events')
    await system.broker.withChannel((channel) => channel.assertQueue(queue, { durable: true }))
    system.product.spawn()
    const { code } = await system.product.gone(30_000)
    assert.is(code, 69)
    const named = system.product.lines.filter((line) => line.includes(queue) && line.includes('different'))
    assert.ok(named.length > 0, system.product.lines.join('\n'))
  }))

test.run()
