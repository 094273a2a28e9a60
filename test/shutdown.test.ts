// modes: choreography, rpc
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { checkInvariants, clientsWereTold, openShop, sendTraffic, withSystem } from './system/index.ts'

test('SIGTERM and SIGINT under load: each service ends with 0 within ten seconds, and nothing is lost', () =>
  withSystem({}, async (system) => {
    const shop = await openShop(system)
    const plan = [
      { victim: system.order, signal: 'SIGTERM' },
      { victim: system.product, signal: 'SIGINT' },
      { victim: system.user, signal: 'SIGTERM' },
    ] as const
    const waiting = [...plan]
    const stops: Promise<{ name: string; code: number | null; ms: number }>[] = []
    const sent = await sendTraffic(system, shop, {
      orders: 150,
      onSent(count) {
        const next = count % 40 === 0 ? waiting.shift() : undefined
        if (next === undefined) return
        const { victim, signal } = next
        const stopAndStart = async () => {
          const { code, ms } = await victim.stop(signal)
          await victim.start()
          return { name: victim.name, code, ms }
        }
        stops.push(stopAndStart())
      },
    })
    const ended = await Promise.all(stops)
    assert.equal(
      ended.map(({ name, code }) => [name, code]),
      plan.map(({ victim }) => [victim.name, 0]),
    )
    assert.ok(ended.every(({ ms }) => ms < 10_000))
    await checkInvariants(system)
    assert.equal(await clientsWereTold(system, sent), [])
  }))

test('readiness is red from SIGTERM on, before the listener closes', () =>
  withSystem({}, async ({ order, product, user }) => {
    for (const service of [order, product, user]) {
      assert.is((await service.get('/readyz')).status, 200)
      const stopping = service.stop('SIGTERM')
      const red = await eventually(async () => {
        const answer = await service.get('/readyz')
        return answer.status === 503 && answer
      })
      assert.is(red.body.status, 'stopping')
      assert.is((await stopping).code, 0)
      const refused = await service.get('/livez').catch((error: NodeJS.ErrnoException) => error.code)
      assert.is(refused, 'ECONNREFUSED')
    }
  }))

test.run()
