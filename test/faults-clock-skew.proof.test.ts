// limit: 180 s
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, skipTest } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  clientsWereTold,
  getOrder,
  openShop,
  place,
  type System,
  sendTraffic,
  withSystem,
} from './system/index.ts'

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const deadlineMs = 15_000

/** Only the calendar is wrong; time passes as it does. */
const clock = (hours: number) => ({
  LD_PRELOAD: library,
  FAKETIME: `${hours < 0 ? '' : '+'}${hours}h`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
})

const hoursApart = ({ lines }: System['order']) => {
  const [, time] = /"time":"([^"]+)"/.exec(lines.at(-1) ?? '') ?? []
  return Math.round((Date.parse(time as string) - Date.now()) / 3_600_000)
}

/** By the database's clock, in which the order is stamped, too. */
const expiresInTime = async (system: System) => {
  const items = [{ productId: await addProduct(system), quantity: 1 }]
  const userId = await addUser(system)
  await system.product.pause()
  const { body } = await place(system, userId, items)
  const failed = async () => {
    const order = await getOrder(system, body.id)
    return order.status === 'FAILED' && order
  }
  const order = await eventually(failed, { withinMs: 2 * deadlineMs })
  system.product.resume()
  const livedMs = Date.parse(order.updatedAt) - Date.parse(order.createdAt)
  assert.ok(livedMs >= deadlineMs, `expired after ${livedMs} ms`)
}

for (const [ours, theirs, name] of [
  [1, -1, 'orders an hour ahead, products an hour behind: deadlines and what follows hold'],
  [-1, 1, 'orders an hour behind, products an hour ahead: deadlines and what follows hold'],
] as const) {
  const services = { order: clock(ours), product: clock(theirs) }
  const env = { ORDER_DEADLINE_MS: `${deadlineMs}` }
  const run = () =>
    withSystem({ mode: 'choreography', env, services: () => services }, async (system) => {
      assert.equal([hoursApart(system.order), hoursApart(system.product)], [ours, theirs])
      const sent = await sendTraffic(system, await openShop(system), { orders: 30, clients: 6 })
      const { order } = await checkInvariants(system)
      assert.equal(await clientsWereTold(system, sent), [])
      assert.ok(order.orders.some(({ status }) => status === 'SUCCESS'))
      await expiresInTime(system)
      await checkInvariants(system)
    })
  if (existsSync(library)) test(name, run)
  else skipTest(test, name, 'the Debian package faketime is not installed')
}

test.run()
