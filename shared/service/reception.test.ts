import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Envelope } from '../messaging/index.ts'
import { type ReceptionOptions, receive } from './reception.ts'

const id = '01900000-0000-7000-9000-000000000001'
const orderId = '01900000-0000-7000-8000-000000000001'
const other = '01900000-0000-7000-8000-000000000002'
const userId = '01900000-0000-7000-8000-0000000000c1'
const data = { orderId, userId, amount: 5600 }

/** `BalanceDebited` as the user service sends it to order, with these changes. */
const envelope = (changes: Partial<Envelope> = {}): Envelope => ({
  id,
  type: 'BalanceDebited',
  source: '/services/user',
  subject: orderId,
  correlationId: orderId,
  dataVersion: 1,
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  data,
  exchange: 'EX_USER',
  routingKey: 'update.balance',
  publisher: 'guest',
  ...changes,
})
const order: ReceptionOptions = {
  hears: ['BalanceDebited', 'BalanceRejected', 'StockRejected'],
  publishers: {},
}
const guarded: ReceptionOptions = { ...order, publishers: { user: 'svc_user' } }

test('an event that this service hears becomes an ask, under its own id and with its cause', () => {
  const { traceparent } = envelope()
  assert.equal(receive(envelope(), order), {
    kind: 'ask',
    ask: { input: { type: 'BalanceDebited', data }, messageId: id, cause: { id, traceparent } },
  })
})

test('what an envelope does not say is not held against it; ids are read in any case', () => {
  const bare = envelope({
    source: undefined,
    subject: undefined,
    correlationId: undefined,
    traceparent: undefined,
    publisher: undefined,
    exchange: '',
    routingKey: 'order.events',
  })
  assert.is(receive(bare, order).kind, 'ask')
  const upper = envelope({
    subject: orderId.toUpperCase(),
    correlationId: orderId.toUpperCase(),
    data: { ...data, orderId: orderId.toUpperCase() },
  })
  const received = receive(upper, order)
  assert.equal(received.kind === 'ask' && received.ask.input.data, data)
})

test('keys that a contract does not know are left out: an older service hears a newer sender of the same version', () => {
  const received = receive(envelope({ data: { ...data, note: 'new' } }), order)
  assert.equal(received.kind === 'ask' && received.ask.input.data, data)
})

test('an event that is routed here and that nobody here reacts to is passed over', () => {
  const refunded = envelope({ type: 'BalanceRefunded' })
  assert.equal(receive(refunded, order), { kind: 'ignore' })
  // Passed over or not, it has to be what its contract says.
  assert.is(receive(envelope({ type: 'BalanceRefunded', data: {} }), order).kind, 'refuse')
})

test('a publisher is believed when it is the one configured, and anyone when none is', () => {
  assert.is(receive(envelope({ publisher: 'svc_user' }), guarded).kind, 'ask')
  assert.is(receive(envelope({ publisher: 'anyone' }), order).kind, 'ask')
})

const refusals: [what: string, changes: Partial<Envelope>, code: string, options?: ReceptionOptions][] = [
  ['an unknown type', { type: 'OrderVanished' }, 'event.unknown_type'],
  ['a type every object has', { type: 'toString' }, 'event.unknown_type'],
  ['an empty type', { type: '' }, 'event.unknown_type'],
  ['a newer version', { dataVersion: 2 }, 'event.newer_version'],
  ['version 99', { dataVersion: 99 }, 'event.newer_version'],
  ['version 0', { dataVersion: 0 }, 'event.version'],
  ['a negative version', { dataVersion: -1 }, 'event.version'],
  ["another service's broker user", { publisher: 'svc_product' }, 'event.publisher', guarded],
  ['no broker user where one is expected', { publisher: undefined }, 'event.publisher', guarded],
  ['the source of another service', { source: '/services/order' }, 'event.source'],
  ['a foreign source', { source: 'https://elsewhere.example' }, 'event.source'],
  ['the routing key of another event', { routingKey: 'update.stock' }, 'event.routing_key'],
  ['a currency', { data: { ...data, currency: 'EUR' } }, 'event.currency'],
  ['a missing field', { data: { orderId, userId } }, 'event.data'],
  ['a negative amount', { data: { ...data, amount: -1 } }, 'event.data'],
  ['an amount that is no integer', { data: { ...data, amount: 1.5 } }, 'event.data'],
  ['an amount beyond what JSON carries', { data: { ...data, amount: 2 ** 53 } }, 'event.data'],
  ['an amount as text', { data: { ...data, amount: '1' } }, 'event.data'],
  ['an order id that is none', { data: { ...data, orderId: 'x' } }, 'event.data'],
  ['no data', { data: {} }, 'event.data'],
  ['an unknown reason', { type: 'BalanceRejected', data: { orderId, userId, reason: 'mood' } }, 'event.data'],
  ['the subject of another order', { subject: other }, 'event.subject'],
  ['the correlation id of another order', { correlationId: other }, 'event.subject'],
]

for (const [what, changes, code, options] of refusals) {
  test(`${what}: ${code}`, () => {
    const received = receive(envelope(changes), options ?? order)
    assert.is(received.kind, 'refuse')
    assert.is(received.kind === 'refuse' && received.code, code)
    assert.ok(received.kind === 'refuse' && received.reason.length > 0 && !received.reason.includes('\n'))
  })
}

test('however long what was sent, the reason stays short', () => {
  const long = 'x'.repeat(10_000)
  for (const changes of [{ type: long }, { source: long }, { routingKey: long }, { subject: long }]) {
    const received = receive(envelope(changes), order)
    assert.ok(received.kind === 'refuse' && received.reason.length < 300)
  }
})

test.run()
