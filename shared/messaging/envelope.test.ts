import type { Message } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseEnvelope, toProperties } from './envelope.ts'
import { attemptOf } from './envelope-attributes.ts'

const id = '0199c0de-0000-7000-8000-000000000001'
const order = '0199c0de-0000-7000-8000-00000000000a'
const good = toProperties({
  id,
  type: 'OrderPlaced',
  service: 'order',
  subject: order,
  time: new Date(1_760_000_000_000),
})

const message = (content: string | Buffer, properties: Record<string, unknown> = {}, fields = {}): Message =>
  ({
    content: Buffer.from(content as string),
    properties: { ...good, ...properties },
    fields: {
      deliveryTag: 1,
      redelivered: false,
      exchange: 'EX_ORDER',
      routingKey: 'order.create',
      ...fields,
    },
  }) as unknown as Message
const withHeaders = (headers: Record<string, unknown>) =>
  message('{}', { headers: { ...good.headers, ...headers } })
const envelopeOf = (it: Message, ownUser?: string) => {
  const read = parseEnvelope(it, ownUser)
  if (!read.ok) throw new Error(`${read.code}: ${read.reason}`)
  return read.envelope
}

test('what goes out comes in again', () => {
  const envelope = envelopeOf(message('{"a":1}'))
  assert.equal(envelope, {
    id,
    type: 'OrderPlaced',
    source: '/services/order',
    subject: order,
    correlationId: order,
    dataVersion: 1,
    traceparent: undefined,
    data: { a: 1 },
    exchange: 'EX_ORDER',
    routingKey: 'order.create',
    publisher: undefined,
  })
})

const unreadable: [what: string, message: Message, code: string][] = [
  ['no body', message(''), 'body.empty'],
  ['not JSON', message('{"a":'), 'body.not_json'],
  ['JSON with BOM', message('\ufeff{}'), 'body.not_json'],
  ['null', message('null'), 'body.not_an_object'],
  ['a list', message('[]'), 'body.not_an_object'],
  ['a number', message('5'), 'body.not_an_object'],
  ['octet-stream', message('{}', { contentType: 'application/octet-stream' }), 'body.content_type'],
  ['utf-16', message('{}', { contentType: 'application/json; charset=utf-16' }), 'body.content_type'],
  ['gzip', message('{}', { contentEncoding: 'gzip' }), 'body.encoding'],
  ['invalid UTF-8', message(Buffer.from([0x7b, 0xff, 0x7d])), 'body.not_utf8'],
  ['256 KiB and one byte', message(`{"a":"${'x'.repeat(256 * 1024 - 7)}"}`), 'body.too_large'],
  ['NUL in a text', message('{"a":["\\u0000"]}'), 'body.text'],
  ['NUL in a key', message('{"a\\u0000":1}'), 'body.text'],
  ['half a surrogate pair', message('{"a":"\\ud800"}'), 'body.text'],
  ['deep nesting', message(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), 'body.too_deep'],
  ['no messageId', message('{}', { messageId: undefined }), 'envelope.id'],
  ['messageId not a UUID', message('{}', { messageId: 'order-1' }), 'envelope.id'],
  ['no type', message('{}', { type: undefined, headers: {} }), 'envelope.type'],
  ['no headers', message('{}', { headers: undefined }), 'envelope.version'],
  ['no version', withHeaders({ 'cloudEvents:dataversion': undefined }), 'envelope.version'],
  ['version one', withHeaders({ 'cloudEvents:dataversion': 'one' }), 'envelope.version'],
  ['version 1.5', withHeaders({ 'cloudEvents:dataversion': 1.5 }), 'envelope.version'],
  ['version 0', withHeaders({ 'cloudEvents:dataversion': 0 }), 'envelope.version'],
  ['CloudEvents 0.3', withHeaders({ 'cloudEvents:specversion': '0.3' }), 'envelope.specversion'],
]
for (const [what, it, code] of unreadable) {
  test(`${what} is ${code}`, () => {
    const read = parseEnvelope(it)
    assert.is(read.ok, false)
    if (!read.ok) assert.is(read.code, code)
  })
}

test('exactly 256 KiB is readable, and so is a version from the future', () => {
  assert.ok(parseEnvelope(message(`{"a":"${'x'.repeat(256 * 1024 - 8)}"}`)).ok)
  assert.is(envelopeOf(withHeaders({ 'cloudEvents:dataversion': '99' })).dataVersion, 99)
})

test('what may be left out, and what is malformed without harm, is left out', () => {
  assert.is(envelopeOf(message('{}', { contentType: undefined, contentEncoding: undefined })).id, id)
  assert.is(envelopeOf(message('{}', { messageId: id.toUpperCase() })).id, id)
  const odd = message('{}', { timestamp: -1, expiration: '1', priority: 9, replyTo: 'order.events' })
  assert.equal(envelopeOf(odd), envelopeOf(message('{}')))
  for (const time of ['9999-12-31T23:59:59Z', 'now', 5])
    assert.equal(envelopeOf(withHeaders({ 'cloudEvents:time': time })), envelopeOf(message('{}')))
  assert.is(envelopeOf(withHeaders({ 'cloudEvents:subject': 'x'.repeat(10_000) })).subject, undefined)
  for (const attempt of [-1, 0, 1.5, '2', 1e9, undefined]) assert.is(attemptOf({ 'x-attempt': attempt }), 1)
})

test('a traceparent is taken to the letter or not at all', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const span = '00f067aa0ba902b7'
  const wellFormed = `00-${trace}-${span}-01`
  assert.is(envelopeOf(withHeaders({ traceparent: wellFormed })).traceparent, wellFormed)
  const malformed = [
    `01-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `${wellFormed}-x`,
    `${wellFormed}\n`,
    'x'.repeat(10_240),
    7,
  ]
  for (const traceparent of malformed)
    assert.is(envelopeOf(withHeaders({ traceparent })).traceparent, undefined)
})

test('only our own copy speaks for the first publisher', () => {
  const headers = {
    ...good.headers,
    'x-original-exchange': 'EX_ORDER',
    'x-original-routing-key': 'order.create',
    'x-original-user-id': 'svc_order',
  }
  const over = { exchange: '', routingKey: 'product.events' }
  const own = envelopeOf(message('{}', { headers, userId: 'svc_product' }, over), 'svc_product')
  assert.equal([own.exchange, own.routingKey, own.publisher], ['EX_ORDER', 'order.create', 'svc_order'])
  const forged = envelopeOf(message('{}', { headers, userId: 'mallory' }, over), 'svc_product')
  assert.equal([forged.exchange, forged.routingKey, forged.publisher], ['', 'product.events', 'mallory'])
})

test.run()
