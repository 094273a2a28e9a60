// limit: 240 s
import { v7 as uuidv7 } from 'uuid'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { commands, type Line } from '../../shared/contracts/index.ts'
import {
  connectBroker,
  deadQueue,
  declareTopology,
  eventQueue,
  inNamespace,
} from '../../shared/messaging/index.ts'
import { eventually, testServers, withBroker } from '../../shared/testing/index.ts'
import { topologyOf } from '../infra/provision.ts'
import { type AuditOptions, audit } from './audit.ts'
import type { DatabaseUrls } from './snapshot.ts'
import { byForce, ids, openSystem, type SagaByHand } from './testing/settled-system.ts'
import { withSettledSystem } from './testing/with-system.ts'

const auditOf = (databaseUrls: DatabaseUrls, more: Partial<AuditOptions> = {}) =>
  audit({ postgresUrl: testServers().postgresUrl, namespace: '', databaseUrls, recheckMs: 1, ...more })
const codesOf = async (urls: DatabaseUrls, more: Partial<AuditOptions> = {}) =>
  (await auditOf(urls, more)).findings.map(({ code }) => code)

const lines: Line[] = [{ productId: ids.lamp, quantity: 1 }]
const unpublished = (orderId: string) =>
  `update outbox set published_at = null where aggregate_id = '${orderId}'`

/** Work that stopped half way, a moment ago: nothing of it is a finding. */
const halfway: readonly [name: string, (system: SagaByHand, urls: DatabaseUrls) => Promise<unknown>][] = [
  [
    'placed, its event still in the outbox',
    async ({ place }, { order }) => {
      await place(ids.stranger, ids.rich, lines)
      await byForce(order, unpublished(ids.stranger))
    },
  ],
  ['placed and published, product has not handled it', ({ place }) => place(ids.stranger, ids.rich, lines)],
  [
    'reserved, user has not heard of it',
    async ({ place, hand }) => {
      await hand('product', await place(ids.stranger, ids.rich, lines))
    },
  ],
  [
    'debited, order has not heard of it',
    async ({ place, hand }) => {
      await hand('user', await hand('product', await place(ids.stranger, ids.rich, lines)))
    },
  ],
  [
    'failed, what it holds is not given back yet',
    async ({ place, hand, ask }) => {
      await hand('user', await hand('product', await place(ids.stranger, ids.rich, lines)))
      await ask.order({ type: 'CancelOrder', data: { orderId: ids.stranger } })
    },
  ],
  [
    'failed early, its late cause not handled yet',
    async ({ place, hand, ask }) => {
      await place(ids.stranger, ids.rich, lines)
      await hand('product', await ask.order({ type: 'CancelOrder', data: { orderId: ids.stranger } }))
    },
  ],
  [
    'by RPC, between two calls',
    async ({ place, ask }) => {
      const [placed] = await place(ids.stranger, ids.rich, lines, 'rpc')
      await ask.product(placed!.event, { silent: true })
    },
  ],
]

test('work in flight is no finding', () =>
  withSettledSystem(async (fresh) => {
    for (const [name, work] of halfway) {
      await fresh((urls) => withGuards(urls, work)).then((codes) => assert.equal(codes, [], name))
    }
  }))

/** The services need their unique keys; the fixture has none. */
const withGuards = async (urls: DatabaseUrls, work: (typeof halfway)[number][1]) => {
  await byForce(urls.order, 'create unique index if not exists inbox_key on inbox (consumer, event_id)')
  await byForce(
    urls.product,
    'create unique index if not exists inbox_key on inbox (consumer, event_id); create unique index if not exists one on reservations (order_id)',
  )
  await byForce(
    urls.user,
    'create unique index if not exists inbox_key on inbox (consumer, event_id); create unique index if not exists one on payments (order_id)',
  )
  await openSystem(urls, (system) => work(system, urls))
  return codesOf(urls)
}

test('a backlog that the relay works off is no finding, one that it left behind is', () =>
  withSettledSystem(async (fresh) => {
    const pending = `update outbox set published_at = null where type = 'OrderSucceeded'`
    await fresh(async (urls) => {
      await byForce(urls.order, pending)
      assert.equal(await codesOf(urls), ['event.unpublished', 'event.unpublished'])
    })
    await fresh(async (urls) => {
      const justNow = `update outbox set published_at = now() where id = (select min(id) from outbox)`
      await byForce(urls.order, `${pending}; ${justNow}`)
      assert.equal(await codesOf(urls, { graceMs: 60_000 }), [])
    })
  }))

test('outbox rows that were pruned are not missed', () =>
  withSettledSystem(async (fresh) => {
    await fresh(async (urls) => {
      for (const url of Object.values(urls)) {
        await byForce(
          url,
          `update inbox set event_id = ('00000000' || substr(event_id::text, 9))::uuid; delete from outbox`,
        )
      }
      await byForce(urls.order, `update orders set created_at = created_at - interval '8 days'`)
      assert.equal(await codesOf(urls), [])
    })
  }))

test('one order alone', () =>
  withSettledSystem(async (fresh) => {
    await fresh(async (urls) => {
      await byForce(urls.order, `update orders set total = 1 where status = 'SUCCESS'`)
      const report = await auditOf(urls, { orderId: ids.bought })
      assert.equal(
        report.findings.map(({ code, orderId }) => [code, orderId]),
        [['order.wrong_total', ids.bought]],
      )
      assert.is(report.sums, undefined)
      assert.equal(await codesOf(urls, { orderId: ids.outOfStock }), [])
    })
  }))

test('a list that is cut short says so', () =>
  withSettledSystem((fresh) =>
    fresh(async (urls) => {
      await byForce(
        urls.order,
        `update outbox set published_at = null, parked_at = now(); delete from order_items`,
      )
      const { findings, counts, truncated } = await auditOf(urls, { most: 3 })
      assert.is(findings.filter(({ code }) => code === 'event.parked').length, 3)
      assert.ok((counts['event.parked'] ?? 0) > 3)
      assert.is(counts['order.no_lines'], 8)
      assert.is(truncated, true)
    }),
  ))

/** That the second order failed: user has nothing to say to it. */
const lostOfUser =
  'delete from inbox where event_id = (select event_id from inbox order by event_id offset 1 limit 1)'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

test('the broker tells what waits in a queue, what is dead-lettered and why, and what is lost', () =>
  withBroker(({ url, namespace }) =>
    withSettledSystem(async (fresh) => {
      const connection = connectBroker({ url, name: 'audit test', log: silent })
      try {
        await declareTopology(connection, topologyOf({ namespace, retryDelaysMs: [100] }))
        const session = await connection.connected()
        const channel = await session.createChannel()
        const queue = eventQueue(namespace, 'user')
        const ready = async (name: string) => (await channel.checkQueue(name)).messageCount
        await fresh(async (urls) => {
          await byForce(urls.user, lostOfUser)
          const look = () => auditOf(urls, { namespace, amqpUrl: url, recheckMs: 300 })
          const [gone] = (await look()).findings
          assert.is(gone?.code, 'event.unhandled')
          assert.is(gone?.next, 'npm run outbox -- reconcile --repair')

          channel.sendToQueue(queue, Buffer.from('{}'), { messageId: uuidv7() })
          await eventually(async () => (await ready(queue)) === 1)
          assert.equal((await look()).findings, [], 'it may be the one that waits')
          await channel.purgeQueue(queue)

          const { eventId = '', orderId = '' } = gone!
          const headers = { 'x-reason': 'no such account', 'x-reason-code': 'test.failed' }
          channel.sendToQueue(deadQueue(queue), Buffer.from('{}'), {
            messageId: eventId,
            correlationId: orderId,
            type: 'OrderFailed',
            headers,
          })
          await eventually(async () => (await ready(deadQueue(queue))) === 1)
          const { findings } = await look()
          assert.equal(
            findings.map(({ code, service, orderId: order, what }) => [code, service, order, what]),
            [
              [
                'event.dead_lettered',
                'user',
                orderId,
                'user gave up on OrderFailed: test.failed: no such account.',
              ],
            ],
          )
          await eventually(async () => (await ready(deadQueue(queue))) === 1)
        })
      } finally {
        await connection.close()
      }
    }),
  ))

test('a command that was given up on is found, and hides no event; one that waits is no finding', () =>
  withBroker(({ url, namespace }) =>
    withSettledSystem(async (fresh) => {
      const connection = connectBroker({ url, name: 'audit test', log: silent })
      try {
        await declareTopology(connection, topologyOf({ namespace, retryDelaysMs: [100] }))
        const channel = await (await connection.connected()).createChannel()
        const send = async (plain: string, properties: { messageId: string; headers?: object }) => {
          const queue = inNamespace(namespace, plain)
          channel.sendToQueue(queue, Buffer.from('{}'), properties)
          await eventually(async () => (await channel.checkQueue(queue)).messageCount === 1)
        }
        await fresh(async (urls) => {
          const look = async () => (await auditOf(urls, { namespace, amqpUrl: url, recheckMs: 300 })).findings
          for (const name of Object.keys(commands)) await send(name, { messageId: uuidv7() })
          assert.equal(await look(), [])

          await byForce(urls.user, lostOfUser)
          const [gone] = await look()
          assert.is(gone?.code, 'event.unhandled')
          const headers = { 'x-reason': 'no such user', 'x-reason-code': 'command.data' }
          for (const name of Object.keys(commands))
            await send(deadQueue(name), { messageId: gone?.eventId ?? '', headers })
          const told = (await look()).map(({ code, service, what }) => [code, service, what])
          const gaveUp = (service: string, queue: string) => [
            'event.dead_lettered',
            service,
            `${service} gave up on a command on ${queue}: command.data: no such user.`,
          ]
          assert.equal(
            told.filter(([code]) => code === 'event.dead_lettered'),
            [
              gaveUp('order', 'order.create'),
              gaveUp('order', 'order.update'),
              gaveUp('user', 'payment.process'),
            ],
          )
          assert.ok(
            told.some(([code]) => code === 'event.unhandled'),
            'its id is no event’s',
          )
        })
      } finally {
        await connection.close()
      }
    }),
  ))

test.run()
