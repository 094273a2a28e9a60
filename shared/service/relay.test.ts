import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Publisher, PublishOutcome } from '../messaging/index.ts'
import type { OutboxRow } from '../outbox/index.ts'
import { transportOver } from './relay.ts'

const row: OutboxRow = {
  id: 1n,
  eventId: '019a0000-0000-7000-8000-000000000001',
  type: 'OrderPlaced',
  aggregateId: '019a0000-0000-7000-8000-000000000002',
  exchange: 'EX_order',
  routingKey: 'order.create',
  payloadText: '{}',
  headers: {},
  createdAt: new Date(0),
  attempts: 0,
}

const publish = (of: Partial<OutboxRow>, outcome: PublishOutcome) => {
  let published = 0
  const publisher = {
    publish: async () => {
      published += 1
      return outcome
    },
  }
  const transport = transportOver('order', publisher as unknown as Publisher, { ready: async () => {} })
  return transport.publish({ ...row, ...of }).then(({ kind }) => ({ kind, published }))
}

test('a row that makes no message is refused unsent, so that it is parked and holds up no other', async () => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 9e15])
    assert.equal(await publish({ createdAt: new Date(time) }, { kind: 'confirmed' }), {
      kind: 'refused',
      published: 0,
    })
})

test('one that reached no queue is refused; other outcomes are what the publisher says', async () => {
  const outcomes = [
    { kind: 'confirmed' },
    { kind: 'unknown', reason: 'lost' },
    { kind: 'refused', reason: 'too long' },
  ] as const
  for (const outcome of outcomes)
    assert.equal(await publish({}, outcome), { kind: outcome.kind, published: 1 })
  assert.equal(await publish({}, { kind: 'returned', reason: 'NO_ROUTE' }), { kind: 'refused', published: 1 })
})

test.run()
