import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ServiceName } from '../../shared/contracts/index.ts'
import type { OpenEnd } from './open-ends.ts'
import type { OutboxRow } from './rows.ts'
import type { BrokerSight, DatabaseSight, Letter, QueueSight, Sight } from './sight.ts'
import { type Evidence, type VerdictKind, verdictOf } from './verdict.ts'

const now = new Date('2026-01-01T00:01:00.000Z')
const ago = (ms: number) => new Date(now.getTime() - ms)
const orderId = '01900000-0000-7000-8000-c00000000001'
const order: Evidence['order'] = {
  id: orderId,
  status: 'PROCESSING',
  reason: null,
  mode: 'choreography',
  createdAt: ago(20_000),
  updatedAt: ago(20_000),
}
const row: OutboxRow = {
  service: 'order',
  id: '1',
  eventId: '01900000-0000-7000-8000-e00000000001',
  type: 'OrderPlaced',
  payload: {},
  causationId: undefined,
  createdAt: ago(20_000),
  publishedAt: null,
  attempts: 0,
  lastError: null,
  parkedAt: null,
}
const database = (service: ServiceName, change: Partial<DatabaseSight> = {}): DatabaseSight => ({
  database: `saga_${service}`,
  relayLeads: true,
  serviceConnected: true,
  blockers: [],
  ...change,
})
type There = Extract<QueueSight, { kind: 'there' }>
const queue = (service: ServiceName, change: Partial<There> = {}): There => ({
  kind: 'there',
  queue: `${service}.events`,
  consumers: 1,
  ready: 0,
  retrying: [],
  dead: [],
  unread: 0,
  ...change,
})
const up = (product: QueueSight = queue('product')): BrokerSight => ({
  kind: 'up',
  queues: { order: queue('order'), product, user: queue('user') },
})
const databases = (
  change: Partial<Record<ServiceName, Partial<DatabaseSight>>> = {},
): Sight['databases'] => ({
  order: database('order', change.order),
  product: database('product', change.product),
  user: database('user', change.user),
})
const sight = (change: Partial<Sight> = {}): Sight => ({ databases: databases(), broker: up(), ...change })
const evidence = (change: Partial<Evidence>): Evidence => ({
  now,
  deadlineMs: 60_000,
  order,
  openEnds: [],
  unreadable: [],
  held: [],
  sight: sight(),
  ...change,
})

const waiting = (change: Partial<OutboxRow> = {}): OpenEnd => ({
  kind: 'unpublished',
  event: { ...row, ...change },
})
const sent = (publishedMsAgo = 10_000): OpenEnd => ({
  kind: 'unhandled',
  event: { ...row, publishedAt: ago(publishedMsAgo) },
  to: 'product',
})
const letter: Letter = {
  eventId: row.eventId,
  type: 'OrderPlaced',
  attempt: 3,
  code: 'retries.exhausted',
  reason: 'no room',
  failures: ['2026-01-01T00:00:50.000Z no room', '2026-01-01T00:00:51.000Z no room'],
}
const blocker = {
  pid: 42,
  name: 'psql',
  state: 'idle in transaction',
  seconds: 12.4,
  table: 'products',
  holdsUp: ['product', 'product'],
}
const down: BrokerSight = { kind: 'down', reason: 'no connection to amqp://mq' }
const failed: Evidence['order'] = { ...order, status: 'FAILED', reason: 'expired' }

const placed = "OrderPlaced waits in the order service's outbox, committed 20 s ago"
const unhandled = 'OrderPlaced, confirmed 10 s ago, is not handled by product'
const cases: [string, Partial<Evidence>, VerdictKind, string, string | undefined][] = [
  [
    'nothing is left',
    { order: { ...order, status: 'SUCCESS' } },
    'at_rest',
    'At rest: the order is SUCCESS, and nothing is left to do.',
    undefined,
  ],
  [
    'failed and undone',
    { order: failed },
    'at_rest',
    'At rest: the order is FAILED (expired), and nothing is left to do.',
    undefined,
  ],
  [
    'just on its way',
    { openEnds: [sent(300)] },
    'in_time',
    'All is well so far: OrderPlaced is on its way to product, confirmed 300 ms ago, and its deadline is 40 s away.',
    'the same command again in a moment',
  ],
  [
    'being published',
    { openEnds: [waiting({ createdAt: ago(100) })] },
    'in_time',
    'All is well so far: OrderPlaced was committed 100 ms ago and is being published, and its deadline is 40 s away.',
    'the same command again in a moment',
  ],
  [
    'compensation on its way',
    { order: failed, openEnds: [sent(300)] },
    'in_time',
    'All is well so far: the order is FAILED, and OrderPlaced is on its way to product, confirmed 300 ms ago.',
    'the same command again in a moment',
  ],
  [
    'no relay, the service runs',
    { openEnds: [waiting()], sight: sight({ databases: databases({ order: { relayLeads: false } }) }) },
    'relay_down',
    `${placed}, because no relay publishes it: none leads on saga_order.`,
    'npm run relay -- order',
  ],
  [
    'no relay, no service',
    {
      openEnds: [waiting()],
      sight: sight({ databases: databases({ order: { relayLeads: false, serviceConnected: false } }) }),
    },
    'relay_down',
    `${placed}, because no relay publishes it: none leads on saga_order.`,
    'npm run order',
  ],
  [
    'no broker to publish to',
    { openEnds: [waiting()], sight: sight({ broker: down }) },
    'broker_down',
    `${placed}, because the broker is down: no connection to amqp://mq.`,
    'start RabbitMQ (docker compose up -d rabbitmq), or correct AMQP_URL',
  ],
  [
    'no broker to consume from',
    { openEnds: [sent()], sight: sight({ broker: down }) },
    'broker_down',
    `${unhandled}, because the broker is down: no connection to amqp://mq.`,
    'start RabbitMQ (docker compose up -d rabbitmq), or correct AMQP_URL',
  ],
  [
    'refused, not yet parked',
    { openEnds: [waiting({ attempts: 2, lastError: 'returned: NO_ROUTE.' })] },
    'publish_refused',
    `${placed}, because publishing it was refused twice so far, at last because "returned: NO_ROUTE".`,
    'npm run migrate',
  ],
  [
    'a relay that does not get on',
    { openEnds: [waiting()] },
    'relay_behind',
    `${placed}: a relay leads on saga_order and has not published it yet, so it is behind or waits for the broker's confirms.`,
    'npm run outbox -- status --watch',
  ],
  [
    'parked',
    {
      openEnds: [
        { kind: 'parked', event: { ...row, attempts: 6, lastError: 'too large', parkedAt: ago(1_000) } },
      ],
    },
    'parked',
    'OrderPlaced is parked in the order service\'s outbox: publishing it was refused 6 times, at last because "too large".',
    `npm run outbox -- retry --service order --order ${orderId}   # once the cause is mended`,
  ],
  [
    'queue gone',
    { openEnds: [sent()], sight: sight({ broker: up({ kind: 'missing', queue: 'product.events' }) }) },
    'queue_missing',
    `${unhandled}, because its queue product.events is not there any more, and what was in it is gone.`,
    'npm run migrate && npm run outbox -- reconcile --repair',
  ],
  [
    'queue without a leader',
    { openEnds: [sent()], sight: sight({ broker: up({ kind: 'silent', queue: 'product.events' }) }) },
    'queue_silent',
    `${unhandled}, because its queue product.events does not answer: it has no leader.`,
    'rabbitmq-queues quorum_status product.events',
  ],
  [
    'no consumer',
    { openEnds: [sent()], sight: sight({ broker: up(queue('product', { consumers: 0, ready: 7 })) }) },
    'no_consumer',
    `${unhandled}, because nobody consumes product.events, where 7 messages are waiting.`,
    'npm run product',
  ],
  [
    'consumers behind',
    { openEnds: [sent()], sight: sight({ broker: up(queue('product', { consumers: 2, ready: 900 })) }) },
    'consumer_behind',
    `${unhandled}, because the 2 consumers of product.events are behind: 900 messages are waiting.`,
    'PORT=<free port> npm run product   # one more, to help',
  ],
  [
    'a message that waits for a moment',
    { openEnds: [sent(300)], sight: sight({ broker: up(queue('product', { ready: 1 })) }) },
    'in_time',
    'All is well so far: OrderPlaced is on its way to product, confirmed 300 ms ago, and its deadline is 40 s away.',
    'the same command again in a moment',
  ],
  [
    'handler failing',
    { openEnds: [sent()], sight: sight({ broker: up(queue('product', { retrying: [letter] })) }) },
    'handler_failing',
    `${unhandled}, because product failed on it twice, at last because "no room"; it waits for try 3.`,
    'grep "message set aside" .data/logs/*product.log   # or where else it logs',
  ],
  [
    'dead letter',
    {
      openEnds: [sent()],
      sight: sight({ broker: up(queue('product', { dead: [letter], consumers: 0, ready: 1 })) }),
    },
    'dead_letter',
    `${unhandled}: it was given up at try 3 and lies on product.events.dead (retries.exhausted), because "no room".`,
    `npm run outbox -- dead show ${row.eventId}`,
  ],
  [
    "another event's letter is no evidence",
    {
      openEnds: [sent(300)],
      sight: sight({ broker: up(queue('product', { dead: [{ ...letter, eventId: orderId }] })) }),
    },
    'in_time',
    'All is well so far: OrderPlaced is on its way to product, confirmed 300 ms ago, and its deadline is 40 s away.',
    'the same command again in a moment',
  ],
  [
    'the broker was not looked at',
    { openEnds: [sent()], sight: sight({ broker: { kind: 'not looked at' } }) },
    'not_looked_at',
    `${unhandled}, and why is not known: the broker was not looked at.`,
    'the same command again, with the broker',
  ],
  [
    'the broker did not let us look',
    { openEnds: [sent()], sight: sight({ broker: { kind: 'not looked at', reason: 'ACCESS_REFUSED' } }) },
    'not_looked_at',
    `${unhandled}, and why is not known: the broker was not looked at (ACCESS_REFUSED).`,
    'the same command again, with the broker',
  ],
  [
    'in hand or lost',
    { openEnds: [sent()] },
    'in_hand_or_lost',
    `${unhandled}, and product.events is empty with a consumer: either one has it in hand and does not get on, or the broker lost it.`,
    'npm run outbox -- reconcile',
  ],
  [
    'a session in the way of the consumer',
    { openEnds: [sent()], sight: sight({ databases: databases({ product: { blockers: [blocker] } }) }) },
    'database_locked',
    `${unhandled}, because saga_product.products is locked: session 42 (psql, idle in transaction) holds it for 12 s and holds up product.`,
    'psql -d saga_product -c "select pid, query from pg_stat_activity where pid = 42"   # then end it: select pg_terminate_backend(42)',
  ],
  [
    'a table that can not even be read',
    {
      openEnds: [sent()],
      unreadable: [{ service: 'product', table: 'outbox' }],
      sight: sight({
        databases: databases({
          product: { blockers: [{ ...blocker, holdsUp: ['explain'], table: 'outbox' }] },
        }),
      }),
    },
    'database_locked',
    "Database saga_product can't be read (outbox), not even by the product service, because saga_product.outbox is locked: session 42 (psql, idle in transaction) holds it for 12 s.",
    'psql -d saga_product -c "select pid, query from pg_stat_activity where pid = 42"   # then end it: select pg_terminate_backend(42)',
  ],
  [
    'nobody looks after the deadline',
    { deadlineMs: 5_000 },
    'expiry_down',
    'Nothing more is on its way for it, and nobody fails it although its deadline passed 15 s ago: no order service looks after the deadlines.',
    'npm run order',
  ],
  [
    'by RPC, in time',
    { order: { ...order, mode: 'rpc' } },
    'in_time',
    'All is well so far: by RPC nothing is written down of what is under way, and its deadline is 40 s away.',
    undefined,
  ],
  [
    'by RPC, an undo that was given up',
    { order: { ...failed, mode: 'rpc', reason: 'rpc_timeout' }, held: ['money'] },
    'held',
    'The order is FAILED (rpc_timeout), and money is still held for it, with nothing on its way that would give it back.',
    `npm run audit -- --order ${orderId}`,
  ],
]

for (const [name, change, kind, sentence, next] of cases)
  test(name, () => {
    assert.equal(verdictOf(evidence(change)), { kind, sentence, next })
  })

test('of several open ends the first with a fault counts, not the first', () => {
  const late: OpenEnd = {
    kind: 'unhandled',
    event: { ...row, type: 'OrderFailed', publishedAt: ago(9_000) },
    to: 'user',
  }
  const queues = { order: queue('order'), product: queue('product'), user: queue('user', { consumers: 0 }) }
  const verdict = verdictOf(
    evidence({ openEnds: [sent(200), late], sight: sight({ broker: { kind: 'up', queues } }) }),
  )
  assert.is(verdict.kind, 'no_consumer')
  assert.match(verdict.sentence, /^OrderFailed, confirmed 9 s ago, is not handled by user/)
})

test('every sentence is one sentence', () => {
  for (const [name, change] of cases) {
    const { sentence } = verdictOf(evidence(change))
    assert.match(sentence, /^[A-Z][^\n]*\.$/, name)
    assert.not.match(sentence, /\. [A-Z]/, name)
  }
})

test.run()
