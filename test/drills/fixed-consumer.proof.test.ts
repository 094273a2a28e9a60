// limit: 600 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../shared/log/index.ts'
import { consume, openPublisher } from '../../shared/messaging/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  openBrokerAccess,
  place,
  type System,
  withSystem,
} from '../system/index.ts'
import { operatorOf } from './operator.ts'

const env = { ORDER_DEADLINE_MS: '3600000' }
const log = silentLog()

/** Orders that are paid, and do not know it: what the user service says waits in its outbox. */
const placePaid = async (
  system: System,
  count: number,
  userId: string,
  productId: string,
): Promise<string[]> => {
  const placed = Array.from({ length: count }, () => place(system, userId, [{ productId, quantity: 1 }]))
  const ids = (await Promise.all(placed)).map(({ body }) => body.id)
  await eventually(
    async () => {
      const paid = await system.sql('user', 'select from ledger where order_id = any($1::uuid[])', [ids])
      return paid.length === count
    },
    { withinMs: 30_000 },
  )
  return ids
}

const cancelAll = async (system: System, ids: readonly string[]) => {
  for (const id of ids) assert.is((await system.order.post(`/orders/${id}/cancel`)).status, 200)
}

const refunded = async (system: System): Promise<string[]> => {
  const rows = await system.sql<{ id: string }>(
    'user',
    `select order_id as id from ledger where kind = 'REFUND' order by order_id`,
  )
  return rows.map(({ id }) => id)
}

/** The user service of a bad day: takes OrderFailed, does nothing about it, and says that it is done. */
const withForgetfulConsumer = async (system: System, until: (forgotten: readonly string[]) => boolean) => {
  const { connection, close } = openBrokerAccess(system.amqpUrl, 'forgetful')
  const publisher = openPublisher(connection, { log, exchanges: [] })
  const forgotten: string[] = []
  const consumer = consume(connection, {
    queue: system.name('user.events'),
    prefetch: 100,
    publisher,
    retryDelaysMs: [],
    log,
    async handle({ properties }) {
      if (properties.type !== 'OrderFailed') return { kind: 'leave' }
      forgotten.push(String(properties.correlationId))
      return { kind: 'ack' }
    },
  })
  try {
    await eventually(() => until(forgotten), { withinMs: 30_000 })
  } finally {
    await consumer.stop()
    await publisher.close()
    await close()
  }
}

interface DryRun {
  events: { eventId: string; type: string; orderId: string; to: { queue: string; effect: string }[] }[]
}

test('a consumer that forgot one type of event, fixed: that type to that consumer only, as the dry run said', () =>
  withSystem({ mode: 'choreography', env, services: () => ({ user: { RELAY: 'off' } }) }, async (system) => {
    const { type, done, auditIsClean } = operatorOf(system, env)
    const [userId, productId] = [await addUser(system), await addProduct(system)]
    const before = await placePaid(system, 3, userId, productId)
    await cancelAll(system, before)
    await eventually(async () => (await refunded(system)).length === 3)

    const ids = await placePaid(system, 7, userId, productId)
    await system.user.stop()
    await cancelAll(system, ids)
    await withForgetfulConsumer(system, (forgotten) => forgotten.length === ids.length)
    await system.user.start({ RELAY: 'on' })

    // Each counts as unhandled once it is old enough, and later as missing.
    await eventually(
      async () => {
        const { code, out } = await type('npm run audit')
        return code === 4 && out.includes('event.unhandled') && ids.every((id) => out.includes(id))
      },
      { withinMs: 60_000, everyMs: 500 },
    )
    await eventually(
      async () => {
        const { code, out } = await type('npm run outbox -- reconcile')
        return code === 4 && out.includes('7 events missing')
      },
      { withinMs: 90_000, everyMs: 500 },
    )

    assert.match(
      await done('npm run outbox -- replay --since 1h --type OrderFailed --to user.events --dry-run'),
      `${system.name('user.events')} would skip 3, handle 7`,
    )
    const { events } = JSON.parse(
      await done('npm run outbox -- replay --since 1h --type OrderFailed --to user.events --dry-run --json'),
    ) as DryRun
    const willHandle = events.filter(({ to }) => to.every(({ effect }) => effect === 'handle'))
    assert.equal(willHandle.map(({ orderId }) => orderId).sort(), [...ids].sort())

    const inbox = (service: 'product' | 'user') =>
      system.sql<{ event_id: string }>(service, 'select event_id from inbox order by event_id')
    const [userBefore, productBefore] = [await inbox('user'), await inbox('product')]
    const copiesBefore = system.broker.wiretap.length
    const sent = await done('npm run outbox -- replay --since 1h --type OrderFailed --to user.events')
    assert.match(sent, 'order: sent 10 of 10 events')
    await eventually(async () => (await refunded(system)).length === 10)
    // What the dry run said, and nothing else: no other consumer, no observer.
    const old = new Set(userBefore.map(({ event_id }) => event_id))
    assert.equal(
      (await inbox('user'))
        .map(({ event_id }) => event_id)
        .filter((it) => !old.has(it))
        .sort(),
      willHandle.map(({ eventId }) => eventId).sort(),
    )
    assert.equal(await inbox('product'), productBefore)
    assert.equal(await refunded(system), [...before, ...ids].sort())
    await auditIsClean()
    const copies = system.broker.wiretap.slice(copiesBefore).map((it) => it.type)
    assert.not.ok(copies.includes('OrderFailed'), copies.join())
    assert.match(await done('npm run outbox -- runs'), 'user.events')
    await checkInvariants(system)
  }))

test.run()
