// limit: 300 s
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { addProduct, addUser, checkInvariants, placeMany, type System, withSystem } from './system/index.ts'

const orders = 2_000
const awayMs = 20_000
const poolSize = 3
const env = {
  ORDER_DEADLINE_MS: '600000',
  RATE_LIMIT_PER_SECOND: '100000',
  DATABASE_POOL_SIZE: `${poolSize}`,
}

/** Every order is with the product service or waits for it. */
const queueUp = async (system: System) => {
  const users = await Promise.all(Array.from({ length: 20 }, () => addUser(system)))
  const productId = await addProduct(system)
  await system.product.pause()
  for (let placed = 0; placed < orders; placed += 100) await placeMany(system, 100, users, productId)
  await eventually(() => system.broker.wiretap.length >= orders, { withinMs: 30_000 })
}

const away = async ({ servers: { postgres, rabbit }, product }: System) => {
  await Promise.all([postgres.kill('SIGKILL'), rabbit.stop()])
  product.resume()
  await pause(awayMs)
  await Promise.all([postgres.restart(), rabbit.restart()])
}

/** The most connections that one service ever had to its database while `until` was pending; ours have no name. */
const peakConnections = async (system: System, until: Promise<unknown>) => {
  let peak = 0
  let over = false
  const end = () => {
    over = true
  }
  until.then(end, end)
  while (!over) {
    const rows = await system.sql<{ count: number }>(
      'order',
      `SELECT count(*)::int FROM pg_stat_activity
       WHERE datname LIKE $1 AND application_name <> '' GROUP BY datname`,
      [`${system.namespace}%`],
    )
    peak = Math.max(peak, ...rows.map(({ count }) => count))
    await pause(100)
  }
  return peak
}

/** The most attempts of one service to reach the broker within any second; each of its two connections makes its own. */
const busiestSecond = ({ processes }: System, from: readonly number[]) => {
  const perSecond = new Map<string, number>()
  for (const [n, { name, lines }] of processes.entries())
    for (const line of lines.slice(from[n])) {
      if (!line.includes('"not connected to the broker"')) continue
      const second = `${name} ${JSON.parse(line).time.slice(0, 19)}`
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
    }
  return Math.max(0, ...perSecond.values())
}

test('broker and database are away together with thousands of events queued: all drains, with no more connections than allowed', () =>
  withSystem({ mode: 'choreography', servers: 'private', env }, async (system) => {
    await queueUp(system)
    const from = system.processes.map(({ lines }) => lines.length)
    await away(system)
    const checked = checkInvariants(system)
    const peak = await peakConnections(system, checked)
    const { order } = await checked
    assert.is(order.orders.filter(({ status }) => status === 'SUCCESS').length, orders)
    // Its pool, and the relay's own connection.
    assert.ok(peak <= poolSize + 1, `${peak} connections`)
    const attempts = busiestSecond(system, from)
    assert.ok(attempts > 0 && attempts <= 4, `${attempts} attempts`)
  }))

test.run()
