import type { Message } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bareDeadCopy, deadCopy, retryCopy, withoutFailure } from './copies.ts'
import { originOf } from './envelope.ts'

const now = new Date('2026-01-02T03:04:05.000Z')
const failing = { reason: 'no stock table', now, user: 'svc_product' }
const dead = { ...failing, code: 'retries.exhausted', consumer: 'product.events' }

const origin = {
  'x-original-exchange': 'EX_ORDER',
  'x-original-routing-key': 'order.create',
  'x-original-user-id': 'svc_order',
}

const message = (headers: Record<string, unknown>, properties = {}): Message =>
  ({
    content: Buffer.from('{}'),
    properties: { messageId: 'm1', type: 'OrderPlaced', headers, ...properties },
    fields: { deliveryTag: 1, redelivered: false, exchange: 'EX_ORDER', routingKey: 'order.create' },
  }) as unknown as Message

test('a retry copy is a new message of the same content', () => {
  const original = message(
    {
      keep: 'me',
      'x-death': [{ count: 1 }],
      'x-first-death-queue': 'q',
      'x-delivery-count': 3,
      CC: ['elsewhere'],
    },
    { expiration: '1', priority: 9, userId: 'svc_order', deliveryMode: 1 },
  )
  assert.equal(retryCopy(original, failing), {
    messageId: 'm1',
    type: 'OrderPlaced',
    deliveryMode: 2,
    headers: {
      keep: 'me',
      ...origin,
      'x-attempt': 2,
      'x-first-failed-at': now.toISOString(),
      'x-last-error': 'no stock table',
      'x-failures': ['2026-01-02T03:04:05.000Z no stock table'],
    },
  })
})

test('a sender who names no user does not become another by a copy', () => {
  const forged = message({ 'x-original-user-id': 'svc_order', 'x-original-exchange': 'EX_USER' })
  for (const { headers } of [retryCopy(forged, failing), deadCopy(forged, dead)]) {
    const copy = message(headers, { userId: failing.user })
    const origin = originOf({ ...copy, fields: { ...copy.fields, exchange: '' } }, failing.user)
    assert.equal([origin.exchange, origin.publisher], ['EX_ORDER', undefined])
  }
})

test('a time that AMQP can not hold again is left out, and costs the message nothing else', () => {
  const said = (timestamp: number) => retryCopy(message({ keep: 'me' }, { timestamp }), failing)
  assert.is(said(1_760_000_000).timestamp, 1_760_000_000)
  // -1, as it is read.
  const { timestamp, type, headers } = said(2 ** 64)
  assert.equal([timestamp, type, headers?.keep], [undefined, 'OrderPlaced', 'me'])
})

test('the history is bounded, and so is a reason', () => {
  let headers: Record<string, unknown> = {}
  for (let turn = 0; turn < 30; turn += 1) {
    headers = retryCopy(message(headers), { ...failing, reason: `\u0000${'é'.repeat(10_000)}\ud800` }).headers
  }
  assert.is((headers['x-failures'] as string[]).length, 10)
  assert.is(headers['x-attempt'], 31)
  assert.ok(Buffer.byteLength(JSON.stringify(headers)) < 8_000)
})

test('a dead copy says why, when, where and after how many tries', () => {
  const { headers } = deadCopy(message({ 'x-attempt': 5 }), dead)
  assert.is(headers['x-reason'], 'no stock table')
  assert.is(headers['x-reason-code'], 'retries.exhausted')
  assert.is(headers['x-failed-at'], now.toISOString())
  assert.is(headers['x-consumer'], 'product.events')
  assert.is(headers['x-attempt'], 5)
})

test('a bare dead copy has nothing of the sender but its id', () => {
  const { headers, messageId, type } = bareDeadCopy(message({ big: 'x' }), dead)
  assert.equal([headers.big, messageId, type], [undefined, 'm1', undefined])
})

test('without its failure a dead letter is a new first try, of the same origin', () => {
  const first = message({ keep: 'me' }, { userId: 'svc_order' })
  const retried = { ...first, properties: { ...first.properties, ...retryCopy(first, failing) } } as Message
  const given = { ...first, properties: { ...first.properties, ...deadCopy(retried, dead) } } as Message
  assert.equal(withoutFailure(given), {
    messageId: 'm1',
    type: 'OrderPlaced',
    deliveryMode: 2,
    headers: {
      keep: 'me',
      ...origin,
    },
  })
})

test.run()
