import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, withBroker } from '../testing/index.ts'
import type { BrokerConnection } from './connection.ts'
import { createGate } from './gate.ts'
import { openPublisher } from './publisher.ts'
import { withBench } from './testing.ts'

const plain = { deliveryMode: 2, contentType: 'application/json' }

test('confirmed means that it is on the queue, once, as it was sent', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, take, queue }) => {
      const properties = { ...plain, messageId: 'm1', type: 'T', headers: { a: 'b' } }
      const to = { exchange, routingKey: 'order.create', mandatory: true }
      assert.equal(await publisher.publish({ ...to, body: { x: 1 }, properties }), { kind: 'confirmed' })
      const message = await take(queue)
      assert.is(message.content.toString(), '{"x":1}')
      const { messageId, type, deliveryMode, userId, headers } = message.properties
      assert.equal([messageId, type, deliveryMode, userId], ['m1', 'T', 2, 'guest'])
      assert.is(headers?.a, 'b')
    }),
  ))

test('a message arrives with its own headers, and none of those before it', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, take, queue }) => {
      const to = { exchange, routingKey: 'order.create', body: {}, mandatory: true }
      const sent = [{ a: '1', b: '2' }, { b: '3' }, undefined, { c: null, d: 4 }]
      for (const headers of sent) {
        const properties = headers === undefined ? plain : { ...plain, headers }
        assert.is((await publisher.publish({ ...to, properties })).kind, 'confirmed')
        const { 'x-delivery-count': _, ...arrived } = (await take(queue)).properties.headers ?? {}
        assert.equal(arrived, headers ?? {})
      }
    }),
  ))

test('mandatory and unroutable is returned, not mandatory is confirmed', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange }) => {
      const lost = { exchange, routingKey: 'nobody.hears', body: {}, properties: plain }
      assert.is((await publisher.publish({ ...lost, mandatory: true })).kind, 'returned')
      assert.is((await publisher.publish({ ...lost, mandatory: false })).kind, 'confirmed')
    }),
  ))

test('of many in flight, some unroutable, some under the same id, each gets its own outcome', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, count, queue }) => {
      const publish = (index: number) =>
        publisher.publish({
          exchange,
          routingKey: index % 3 === 0 ? 'nobody.hears' : 'order.create',
          body: { index },
          properties: { ...plain, messageId: `m${index % 50}` },
          mandatory: true,
        })
      const outcomes = await Promise.all(Array.from({ length: 600 }, (_, index) => publish(index)))
      for (const [index, { kind }] of outcomes.entries())
        assert.is(kind, index % 3 === 0 ? 'returned' : 'confirmed')
      assert.is(publisher.inFlight(), 0)
      await eventually(async () => (await count(queue)) === 400)
    }),
  ))

test('a message that cannot be written is refused alone', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, log }) => {
      const to = { exchange, routingKey: 'order.create', body: {}, properties: plain, mandatory: true }
      const loop: Record<string, unknown> = {}
      loop.loop = loop
      const bad = [
        { ...to, properties: { ...plain, headers: { big: 'x'.repeat(70_000) } } },
        { ...to, body: 'x'.repeat(256 * 1024) },
        { ...to, body: { amount: 1n } },
        { ...to, body: undefined },
        { ...to, body: loop },
        { ...to, routingKey: 'k'.repeat(256) },
        { ...to, properties: { ...plain, messageId: 'm'.repeat(256) } },
        { ...to, properties: { ...plain, headers: { when: () => 1 } } },
        { ...to, exchange: `${exchange}.unheard` },
      ]
      const outcomes = await Promise.all(bad.flatMap((it) => [publisher.publish(to), publisher.publish(it)]))
      for (const [index, { kind }] of outcomes.entries()) {
        assert.is(kind, index % 2 ? 'refused' : 'confirmed', `${index}`)
      }
      assert.is(log.lines.filter((it) => it.includes('channel error')).length, 0)
    }),
  ))

test('an exchange that is gone is refused; the others go on', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, topology, channel }) => {
      const gone = topology.exchanges[1]?.name as string
      await channel.deleteExchange(gone)
      const to = { routingKey: 'order.create', body: {}, properties: plain, mandatory: true }
      const good = () => publisher.publish({ ...to, exchange })
      const outcomes = await Promise.all([good(), publisher.publish({ ...to, exchange: gone }), good()])
      assert.is(outcomes[1]?.kind, 'refused')
      for (const outcome of [outcomes[0], outcomes[2]])
        assert.ok(/confirmed|unknown/.test(outcome?.kind ?? ''))
      await publisher.ready(AbortSignal.timeout(5_000))
      const later = await Promise.all([good(), publisher.publish({ ...to, exchange: gone }), good()])
      assert.equal(
        later.map((it) => it.kind),
        ['confirmed', 'refused', 'confirmed'],
      )
    }),
  ))

test('what the broker did not take is unknown; soon after it goes by a new channel, and neighbours lose nothing', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, channel, count, queue, log }) => {
      const full = `${broker.namespace}.full`
      await channel.assertQueue(full, {
        durable: true,
        arguments: { 'x-queue-type': 'quorum', 'x-max-length': 1, 'x-overflow': 'reject-publish' },
      })
      const toFull = { exchange: '', routingKey: full, body: {}, properties: plain, mandatory: true }
      const toQueue = { exchange, routingKey: 'order.create', body: {}, properties: plain, mandatory: true }
      const refused = async () => {
        const outcome = await publisher.publish(toFull)
        return outcome.kind === 'unknown' && /nack/.test(outcome.reason)
      }
      await eventually(refused)
      const isReplaced = () => log.lines.some((line) => /^channel closed .*the publishing channel/.test(line))
      let sent = 0
      while (!isReplaced()) {
        if ((await publisher.publish(toQueue)).kind === 'confirmed') sent += 1
        await nextTurn()
      }
      assert.ok(sent > 0)
      assert.is(await count(queue), sent)
      await publisher.ready(AbortSignal.timeout(5_000))
      assert.is((await publisher.publish(toQueue)).kind, 'confirmed')
    }),
  ))

test('closed with publishes in flight, each of them settles', () =>
  withBroker((broker) =>
    withBench(broker, async ({ publisher, exchange, log }) => {
      const to = { exchange, routingKey: 'order.create', properties: plain, mandatory: true }
      const publishes = Array.from({ length: 300 }, (_, index) =>
        publisher.publish({ ...to, body: { index } }),
      )
      await publisher.close()
      for (const { kind } of await Promise.all(publishes)) assert.ok(/confirmed|unknown/.test(kind), kind)
      assert.is((await publisher.publish({ ...to, body: {} })).kind, 'unknown')
      assert.not.match(log.lines.join('\n'), /guest:guest/)
    }),
  ))

test('more than the socket takes waits for its turn, is confirmed, and stays in order', () =>
  withBroker((broker) =>
    withBench(
      broker,
      async ({ publisher, exchange, channel, count, queue }) => {
        const padding = 'x'.repeat(20_000)
        const to = { exchange, routingKey: 'order.create', properties: plain, mandatory: true }
        const numbers = Array.from({ length: 1_500 }, (_, n) => n)
        const outcomes = await Promise.all(
          numbers.map((n) => publisher.publish({ ...to, body: { n, padding } })),
        )
        assert.ok(outcomes.every((it) => it.kind === 'confirmed'))
        await eventually(async () => (await count(queue)) === numbers.length)
        const arrived: number[] = []
        await channel.consume(queue, (it) => void arrived.push(JSON.parse(String(it?.content)).n), {
          noAck: true,
        })
        await eventually(() => arrived.length === numbers.length)
        assert.equal(arrived, numbers)
      },
      { confirmTimeoutMs: 60_000 },
    ),
  ))

test('ready waits for the connection and rejects with the signal', async () => {
  const nowhere = {
    user: '',
    vhost: '/',
    managementUrl: () => '',
    state: () => ({ kind: 'closed' as const }),
  }
  const never = {
    ...nowhere,
    session: () => undefined,
    connected: () => Promise.reject(new Error('no')),
    onConnected: () => () => {},
    close: async () => {},
  }
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const publisher = openPublisher(never, { log: silent, exchanges: [] })
  const over = new AbortController()
  const waiting = publisher.ready(over.signal)
  over.abort(new Error('over'))
  await waiting.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'over'),
  )
  const outcome = await publisher.publish({
    exchange: '',
    routingKey: 'q',
    body: {},
    properties: {},
    mandatory: true,
  })
  assert.is(outcome.kind, 'unknown')
})

test('a connection that is dropped while the broker blocks it does not hold up those who wait for the next', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, log }) => {
      let alarm: string | undefined
      const unblocked = createGate('open')
      const blockable: BrokerConnection = {
        ...connection,
        onConnected: (setup) =>
          connection.onConnected((session) =>
            setup({
              ...session,
              blocked: () => alarm,
              unblocked: (signal) => unblocked.passed(signal, session.closed),
            }),
          ),
      }
      const publisher = openPublisher(blockable, { log, exchanges: [] })
      await publisher.ready(AbortSignal.timeout(10_000))
      alarm = 'low on memory'
      unblocked.shut()
      const waiting = publisher.ready(AbortSignal.timeout(10_000))
      // From a promise, before any event of the socket: how a failed setup drops its connection.
      await Promise.resolve().then(() => connection.session()?.drop('lost'))
      await nextTurn()
      alarm = undefined
      unblocked.open()
      await waiting
      await publisher.close()
    }),
  ))

test.run()
