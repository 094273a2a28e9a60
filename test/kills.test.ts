// limit: 240 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  checkInvariants,
  clientsWereTold,
  killAt,
  openShop,
  sendTraffic,
  withSystem,
} from './system/index.ts'

test('each service is killed in mid-traffic, and started again: nothing is lost or doubled', () =>
  withSystem({ mode: 'choreography' }, async (system) => {
    const shop = await openShop(system)
    const victims = [system.product, system.user, system.order]
    const restarts: Promise<void>[] = []
    const sent = await sendTraffic(system, shop, {
      orders: 150,
      onSent(count) {
        const victim = count % 40 === 0 ? victims.shift() : undefined
        if (victim !== undefined) restarts.push(victim.restart())
      },
    })
    await Promise.all(restarts)
    assert.is(restarts.length, 3)
    await checkInvariants(system)
    assert.equal(await clientsWereTold(system, sent), [])
  }))

test('each service is killed at the points where an effect and its message part', () =>
  withSystem({ mode: 'choreography' }, async (system) => {
    const points = [
      [
        'http.PlaceOrder.afterCommit',
        'product.events.OrderPlaced.afterCommit',
        'user.events.StockReserved.afterCommit',
      ],
      [
        'order.events.BalanceDebited.afterOutbox',
        'product.events.OrderFailed.afterOutbox',
        'user.events.OrderFailed.afterInbox',
      ],
      ['relay.afterConfirm', 'relay.afterConfirm', 'relay.afterPublish'],
    ] as const
    for (const [order, product, user] of points) await killAt(system, { order, product, user })
    const { order, product, user } = await checkInvariants(system)
    const counts = new Map<string, number>()
    for (const { id, redelivered } of system.broker.wiretap)
      if (!redelivered) counts.set(id, (counts.get(id) ?? 0) + 1)
    assert.ok(
      [...counts.values()].some((count) => count > 1),
      'a kill after the confirm publishes again',
    )
    for (const { inbox } of [order, product, user])
      assert.is(new Set(inbox.map(({ consumer, event_id }) => consumer + event_id)).size, inbox.length)
  }))

test.run()
