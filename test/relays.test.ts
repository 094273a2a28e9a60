// limit: 180 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  clientsWereTold,
  getOrder,
  openShop,
  place,
  type ServiceProcess,
  type Snapshot,
  type System,
  sendTraffic,
  withSystem,
} from './system/index.ts'

/** The first copies at the wiretap, order by order, came as the outbox has them. */
const cameInOrder = (system: System, { order }: Snapshot): string[] => {
  const arrived = new Map<string, number>()
  system.broker.wiretap.forEach(({ id }, at) => {
    if (!arrived.has(id)) arrived.set(id, at)
  })
  const last = new Map<string, number>()
  return order.outbox.flatMap(({ order_id, event_id, type }) => {
    const at = arrived.get(event_id) ?? Number.NaN
    const before = last.get(order_id) ?? -1
    last.set(order_id, at)
    return at > before ? [] : [`${type} of order ${order_id} came at ${at}, the one before it at ${before}`]
  })
}

const leader = (relays: readonly ServiceProcess[]) =>
  relays.find((one) => one.isRunning() && /"state":"leading"/.test(lastState(one)))
/** What the running process said last; what one before it said counts no more. */
const lastState = ({ lines, pid }: ServiceProcess) =>
  lines.filter((line) => line.includes(`"pid":${pid},`) && /"state":"/.test(line)).at(-1) ?? ''

test('five relays, of which leaders are killed and one is frozen past its lease: nothing lost, every order in order', () =>
  withSystem({ mode: 'choreography', services: () => ({ order: { RELAY: 'off' } }) }, async (system) => {
    const relays = await Promise.all(Array.from({ length: 5 }, () => system.relay('order')))
    const [first, second, ...others] = relays as [ServiceProcess, ServiceProcess, ...ServiceProcess[]]
    await Promise.all([first.start(), second.start()])
    const shop = await openShop(system)
    let frozen: ServiceProcess | undefined
    const struck: Promise<unknown>[] = []
    const freeze = async () => {
      frozen = await eventually(() => leader(relays), { withinMs: 30_000 })
      await frozen.pause()
    }
    const sent = await sendTraffic(system, shop, {
      orders: 150,
      onSent(count) {
        if (count === 40)
          struck.push(leader([first, second])?.restart() ?? Promise.reject(new Error('no leader')))
        if (count === 80) struck.push(...others.map((one) => one.start()))
        if (count === 110) struck.push(freeze())
      },
    })
    await Promise.all(struck)
    assert.ok(frozen, 'a leader was frozen')
    await eventually(() => leader(relays.filter((one) => one !== frozen)), { withinMs: 30_000 })
    frozen.resume()
    await eventually(() => !/"state":"leading"/.test(lastState(frozen as ServiceProcess)), {
      withinMs: 30_000,
    })
    const snapshot = await checkInvariants(system)
    assert.equal(await clientsWereTold(system, sent), [])
    assert.equal(cameInOrder(system, snapshot), [])
    const several = snapshot.order.outbox.length / snapshot.order.orders.length
    assert.is(several, 2, 'each order said two things')
    await Promise.all(relays.filter((one) => one !== frozen).map((one) => one.kill()))
    await eventually(() => leader([frozen as ServiceProcess]), { withinMs: 30_000 })
  }))

test('RELAY=off holds the events until a relay runs apart', () =>
  withSystem({ mode: 'choreography', services: () => ({ order: { RELAY: 'off' } }) }, async (system) => {
    const userId = await addUser(system)
    const productId = await addProduct(system)
    const { body: order } = await place(system, userId, [{ productId, quantity: 1 }])
    const waited = await place(system, userId, [{ productId, quantity: 1 }], { Prefer: 'wait=1' })
    assert.equal([waited.status, waited.body.status], [202, 'PROCESSING'], 'nobody relays')
    const relay = await system.relay('order')
    await relay.start()
    await eventually(async () => (await getOrder(system, order.id)).status === 'SUCCESS')
    const { code } = await relay.stop()
    assert.is(code, 0)
    await relay.start()
    await checkInvariants(system)
  }))

test.run()
