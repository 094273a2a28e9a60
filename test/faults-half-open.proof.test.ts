// limit: 240 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseUrlOf } from '../scripts/infra/index.ts'
import { services } from '../shared/contracts/index.ts'
import { eventually, type SilentProxy, startSilentProxy, testServers } from '../shared/testing/index.ts'
import { checkInvariants, clientsWereTold, openShop, place, sendTraffic, withSystem } from './system/index.ts'

const withProxy = async (upstreamUrl: string, use: (proxy: SilentProxy) => Promise<void>) => {
  const proxy = await startSilentProxy(upstreamUrl)
  try {
    await use(proxy)
  } finally {
    await proxy.close()
  }
}

test('connections to PostgreSQL that fall silent in mid-traffic: requests end, the services recover unaided, nothing is lost', () =>
  withProxy(testServers().postgresUrl, (proxy) =>
    withSystem(
      {
        mode: 'choreography',
        services: ({ namespace }) =>
          Object.fromEntries(
            services.map((service) => [
              service,
              { DATABASE_URL: databaseUrlOf(service, proxy.url, namespace) },
            ]),
          ),
      },
      async (system) => {
        const { order } = system
        const shop = await openShop(system)
        let striking: Promise<void> | undefined
        const strike = async () => {
          proxy.silence()
          await eventually(async () => (await order.get('/readyz')).status === 503, { withinMs: 30_000 })
          const asked = await Promise.all([order.get('/orders'), order.get(`/orders/${shop.users[0]}`)])
          for (const { status, ms } of asked) {
            assert.is(status, 503)
            assert.ok(ms < 15_000, `answered after ${ms} ms`)
          }
          proxy.heal()
        }
        const sent = await sendTraffic(system, shop, {
          orders: 60,
          clients: 6,
          onSent(count) {
            if (count === 15) striking = strike()
          },
        })
        await striking
        await Promise.all(services.map((service) => system[service].ready()))
        await checkInvariants(system)
        assert.equal(await clientsWereTold(system, sent), [])
      },
    ),
  ))

test('the way from the leading relay to the broker is cut: another one that has its own leads, and publishes what was said', () =>
  withProxy(testServers().amqpUrl, (proxy) =>
    withSystem(
      { mode: 'choreography', services: () => ({ order: { AMQP_URL: proxy.url } }) },
      async (system) => {
        const shop = await openShop(system)
        const productId = shop.products[0]!
        const relay = await system.relay('order', { AMQP_URL: system.amqpUrl })
        await relay.start()
        const pending = async () => {
          const [row] = await system.sql<{ count: number }>(
            'order',
            'select count(*)::int from outbox where published_at is null',
          )
          return row!.count
        }
        const orders = () =>
          Promise.all(shop.users.map((userId) => place(system, userId, [{ productId, quantity: 1 }])))
        await orders()
        await eventually(async () => (await pending()) === 0)
        assert.not(relay.lines.some((line) => /"state":"leading"/.test(line)))
        proxy.silence()
        await orders()
        await eventually(async () => (await pending()) === 0, { withinMs: 60_000 })
        assert.ok(relay.lines.some((line) => /"state":"leading"/.test(line)))
        proxy.heal()
        await checkInvariants(system)
      },
    ),
  ))

test.run()
