import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  getOrder,
  type Properties,
  place,
  placeAndWait,
  type System,
  snapshotOf,
  withSystem,
} from './system/index.ts'

const id = randomUUID
const orderId = id()
const data = { orderId, userId: id(), items: [{ productId: id(), quantity: 1 }] }
const headers = { 'cloudEvents:dataversion': '1', 'cloudEvents:source': '/services/order' }
const good = (): Properties => ({
  messageId: id(),
  type: 'OrderPlaced',
  contentType: 'application/json',
  correlationId: orderId,
  headers,
})

/** Part Q: what is put on a service's queue, and the code of the reason it is set aside for. */
const dead: [
  name: string,
  code: string,
  body: unknown,
  properties?: Partial<Record<keyof Properties, unknown>>,
][] = [
  ['Q1 empty', 'body.empty', ''],
  ['Q2 not JSON', 'body.not_json', '{"orderId":'],
  ['Q3 null', 'body.not_an_object', 'null'],
  ['Q3 []', 'body.not_an_object', '[]'],
  ['Q3 5', 'body.not_an_object', '5'],
  ['Q4 octets', 'body.content_type', data, { contentType: 'application/octet-stream' }],
  ['Q4 gzip', 'body.encoding', data, { contentEncoding: 'gzip' }],
  ['Q5 invalid UTF-8', 'body.not_utf8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['Q6 too large', 'body.too_large', { ...data, more: 'x'.repeat(300_000) }],
  ['Q7 no messageId', 'envelope.id', data, { messageId: undefined }],
  ['Q7 messageId', 'envelope.id', data, { messageId: 'seventeen' }],
  ['no type', 'envelope.type', data, { type: undefined }],
  ['Q10 unknown type', 'event.unknown_type', data, { type: 'OrderPraised' }],
  ['Q10 prototype', 'event.unknown_type', data, { type: 'toString' }],
  ['Q11 version 99', 'event.newer_version', data, { headers: { ...headers, 'cloudEvents:dataversion': 99 } }],
  ['Q11 no version', 'envelope.version', data, { headers: {} }],
  ['Q12 negative', 'event.data', { ...data, items: [{ productId: id(), quantity: -1 }] }],
  ['Q12 no items', 'event.data', { ...data, items: [] }],
  ['Q14 currency', 'event.currency', { ...data, currency: 'USD' }],
  ['Q15 another order', 'event.subject', { ...data, orderId: id() }],
  ['NUL', 'body.text', { ...data, note: 'a\u0000b' }],
  ['wrong source', 'event.source', data, { headers: { ...headers, 'cloudEvents:source': '/services/user' } }],
]

/** What must not hurt: each of these is handled as if it were plain. */
const harmless: [name: string, properties: Properties][] = [
  ['Q11 version "1"', {}],
  ['Q22 the year 9999', { timestamp: 253_402_300_799 }],
  ['Q23 attributes of an attacker', { expiration: '60000', priority: 9, replyTo: 'user.events' }],
  ['Q25 malformed trace', { headers: { ...headers, traceparent: '00-zz' } }],
  ['Q25 long trace', { headers: { ...headers, traceparent: 'x'.repeat(10_000) } }],
  ['Q31 transient', { deliveryMode: 1 }],
]

test('Q: a bad message goes to the dead-letter queue at once with its reason, its neighbours are handled', () =>
  withSystem({}, async (system) => {
    const queue = system.name('product.events')
    const bad = dead.map(([, , body, properties]) => ({
      routingKey: queue,
      body,
      properties: { ...good(), ...properties } as Properties,
    }))
    const neighbours = harmless.map(([, properties]) => {
      const about = id()
      return {
        routingKey: queue,
        body: { ...data, orderId: about },
        properties: { ...good(), correlationId: about, ...properties },
      }
    })
    const mixed = bad.flatMap((one, n) => [one, ...neighbours.slice(n, n + 1)])
    await system.broker.publish(...mixed)
    const set = await eventually(async () => {
      const waiting = await system.broker.count(`${queue}.dead`)
      return waiting >= bad.length && (await system.broker.takeDead('product'))
    })
    assert.equal(
      set.map((it) => String(it.headers['x-reason-code'])).sort(),
      dead.map(([, code]) => code).sort(),
    )
    assert.ok(set.every((it) => String(it.headers['x-reason']).length > 5))
    assert.ok(set.every((it) => it.headers['x-consumer'] === queue))

    const handled = neighbours.map(({ properties }) => properties.messageId)
    await eventually(async () => {
      const rows = await system.sql('product', 'SELECT event_id FROM inbox WHERE event_id = ANY($1)', [
        handled,
      ])
      return rows.length === handled.length
    })
    const traces = await system.sql<{ trace: string }>(
      'product',
      `SELECT headers->>'traceparent' AS trace FROM outbox`,
    )
    assert.ok(traces.every(({ trace }) => /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(trace)))
    assert.match(
      (await system.product.get('/metrics')).text,
      /consumer_dead_lettered_total\{code="body.empty"\} 1/,
    )
    const order = await placeAndWait(system, await addUser(system), [
      { productId: await addProduct(system), quantity: 1 },
    ])
    assert.is(order.status, 'SUCCESS', 'the consumer is still up')
    assert.ok((await snapshotOf(system)).product.outbox.length >= handled.length)
  }))

const forged = (
  system: System,
  [service, type, routingKey]: [string, string, string],
  body: { orderId: string } & Record<string, unknown>,
) => ({
  exchange: system.name(`EX_${service.toUpperCase()}`),
  routingKey,
  body,
  properties: {
    messageId: id(),
    type,
    contentType: 'application/json',
    correlationId: body.orderId,
    headers: { ...headers, 'cloudEvents:source': `/services/${service}` },
  },
})

test('Q18, Q19, F28: events that contradict what is settled, or speak of nobody, change nothing', () =>
  withSystem({ mode: 'choreography' }, async (system) => {
    const userId = await addUser(system, 150)
    const productId = await addProduct(system, 10, 100)
    const items = [{ productId, quantity: 1 }]
    const paid = await placeAndWait(system, userId, items)
    const failed = await placeAndWait(system, userId, items)
    assert.equal([paid.status, failed.status], ['SUCCESS', 'FAILED'])
    const sent = [
      forged(system, ['user', 'BalanceDebited', 'update.balance'], {
        orderId: failed.id,
        userId,
        amount: 100,
      }),
      forged(system, ['product', 'StockRejected', 'update.stock'], {
        orderId: paid.id,
        reason: 'out_of_stock',
      }),
      forged(system, ['user', 'BalanceDebited', 'update.balance'], { orderId: id(), userId, amount: 1 }),
      forged(system, ['order', 'OrderFailed', 'update.cancel'], {
        orderId: id(),
        userId,
        reason: 'cancelled',
      }),
    ]
    await system.broker.publish(...sent)
    const planted = sent.map(({ properties }) => properties.messageId)
    await eventually(async () => (await system.broker.count(system.name('order.events.dead'))) === 1)
    await checkInvariants(system, { planted, dead: { order: 1 } })
    assert.equal(
      [(await getOrder(system, paid.id)).status, (await getOrder(system, failed.id)).status],
      ['SUCCESS', 'FAILED'],
    )
    const [stranger] = await system.broker.takeDead('order')
    assert.is(stranger?.headers['x-reason-code'], 'order.not_found')
    assert.is(stranger?.id, planted[2])
    assert.is((await place(system, userId, items)).status, 202)
    await checkInvariants(system, { planted })
  }))

test.run()
