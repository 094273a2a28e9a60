// limit: 240 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { audit } from '../scripts/audit/index.ts'
import { modes } from '../shared/contracts/index.ts'
import { testServers } from '../shared/testing/index.ts'
import { openShop, type System, sendTraffic, settled, withSystem } from './system/index.ts'

const look = ({ namespace }: System) => {
  const { postgresUrl, amqpUrl } = testServers()
  return audit({ postgresUrl, namespace, amqpUrl, brokerRequired: true, graceMs: 5_000 })
}

for (const mode of modes) {
  test(`the audit finds nothing in a clean system, neither under traffic nor at rest (${mode})`, () =>
    withSystem({ mode }, async (system) => {
      const shop = await openShop(system)
      let sending = true
      const traffic = sendTraffic(system, shop, { orders: 120 }).finally(() => {
        sending = false
      })
      let looks = 0
      while (sending) {
        const { findings } = await look(system)
        assert.equal(findings, [], 'under traffic')
        looks += 1
      }
      await traffic
      assert.ok(looks > 0)
      await settled(system)
      const { findings, orders } = await look(system)
      assert.equal(findings, [], 'at rest')
      assert.is(orders.SUCCESS + orders.FAILED, 120)
    }))
}

test.run()
