import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append } from './index.ts'
import { event, withOutbox } from './testing/with-outbox.ts'

test('ids ascend in the order given, and a row is what was said', () =>
  withOutbox(async ({ sql, client }) => {
    const aggregate = randomUUID()
    const events = Array.from({ length: 500 }, (_, place) =>
      event(place % 2 === 0 ? aggregate : randomUUID(), place),
    )
    await append(sql, events)
    const { rows } = await client.query(
      'select event_id, payload, headers, attempts, published_at from outbox order by id',
    )
    assert.equal(
      rows.map((row) => row.event_id),
      events.map((one) => one.eventId),
    )
    assert.equal(rows[7], {
      event_id: events[7]!.eventId,
      payload: { place: 7 },
      headers: {},
      attempts: 0,
      published_at: null,
    })
  }))

test('any text survives; nothing is appended for nothing', () =>
  withOutbox(async ({ sql, client }) => {
    const payload = { text: `'"\\ $1 {} ü 🦊 \n`, big: 9_007_199_254_740_991, deep: [[{ a: null }]] }
    const headers = { traceparent: '00-aa-bb-01', n: 1 }
    await append(sql, [])
    await append(sql, [event(randomUUID(), 0, { payload, headers, routingKey: `it's` })])
    const { rows } = await client.query('select payload, headers, routing_key from outbox')
    assert.equal(rows, [{ payload, headers, routing_key: `it's` }])
  }))

test('all or nothing: an event id that is there already refuses the statement', () =>
  withOutbox(async ({ sql, client }) => {
    const known = event(randomUUID(), 0)
    await append(sql, [known])
    let code: unknown
    await append(sql, [event(randomUUID(), 0), known]).catch((error) => {
      code = error.code
    })
    assert.is(code, '23505')
    const { rows } = await client.query('select count(*)::int as n from outbox')
    assert.is(rows[0].n, 1)
  }))

test.run()
