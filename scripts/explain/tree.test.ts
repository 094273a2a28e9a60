import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ServiceName } from '../../shared/contracts/index.ts'
import { explanationOf } from './explanation.ts'
import { jsonOf } from './json.ts'
import { mermaidOf } from './mermaid.ts'
import type { InboxRow, OrderRows, OutboxRow } from './rows.ts'
import type { Sight } from './sight.ts'
import { textOf } from './text.ts'
import { nodesOf, treeOf } from './tree.ts'

const began = Date.UTC(2026, 0, 1)
const at = (ms: number) => new Date(began + ms)
const id = (n: number) => `01900000-0000-7000-8000-e0000000000${n}`
const orderId = '01900000-0000-7000-8000-c00000000001'

const event = (
  n: number,
  service: ServiceName,
  type: string,
  [committed, confirmed]: [number, number | null],
  change: Partial<OutboxRow> = {},
): OutboxRow => ({
  service,
  id: String(n),
  eventId: id(n),
  type,
  payload: { reason: 'expired', total: 9_000, amount: 9_000 },
  causationId: undefined,
  createdAt: at(committed),
  publishedAt: confirmed === null ? null : at(confirmed),
  attempts: 0,
  lastError: null,
  parkedAt: null,
  ...change,
})
const handled = (service: ServiceName, n: number, ms: number): InboxRow => ({
  service,
  eventId: id(n),
  handledAt: at(ms),
})
const base: OrderRows = {
  order: {
    id: orderId,
    userId: '01900000-0000-7000-8000-b00000000001',
    status: 'FAILED',
    reason: 'expired',
    mode: 'choreography',
    total: null,
    createdAt: at(0),
    updatedAt: at(0),
  },
  history: [
    { status: 'PROCESSING', reason: null, at: at(0) },
    { status: 'FAILED', reason: 'expired', at: at(100) },
  ],
  outbox: [],
  inbox: [],
  reservation: undefined,
  movements: [],
  payment: undefined,
  ledger: [],
  unreadable: [],
  readAt: at(1_000),
}
const database = (service: string) => ({
  database: `saga_${service}`,
  relayLeads: true,
  serviceConnected: true,
  blockers: [],
})
const sight: Sight = {
  databases: { order: database('order'), product: database('product'), user: database('user') },
  broker: { kind: 'not looked at' },
}
const explained = (change: Partial<OrderRows>) => explanationOf({ ...base, ...change }, sight, 60_000)
const plain = (change: Partial<OrderRows>, width?: number) =>
  textOf(explained(change), { colors: false, width })

const state = (status: string, reason: string | null = null) => ({
  status,
  reason,
  createdAt: at(0),
  updatedAt: at(0),
})

/** It expired while the debit was under way: late debit, refund, release. */
const lateDebit: Partial<OrderRows> = {
  outbox: [
    event(1, 'order', 'OrderPlaced', [5, 9]),
    event(2, 'product', 'StockReserved', [14, 20], { causationId: id(1) }),
    event(3, 'order', 'OrderFailed', [101, 106]),
    event(4, 'user', 'BalanceDebited', [130, 150], { causationId: id(2) }),
    event(5, 'user', 'BalanceRefunded', [142, 148], { causationId: id(3) }),
    event(6, 'product', 'StockReleased', [111, 115], { causationId: id(3) }),
  ],
  inbox: [
    handled('product', 1, 12),
    handled('user', 2, 125),
    handled('order', 4, 140),
    handled('product', 3, 108),
    handled('user', 3, 139),
  ],
  reservation: state('RELEASED'),
  payment: state('REFUNDED'),
}

test('a tree of causes, with waits that add up, and what came too late', () => {
  assert.is(
    plain(lateDebit),
    `Order ${orderId}  FAILED (expired)
placed 2026-01-01T00:00:00.000Z by user 01900000-0000-7000-8000-b00000000001

     5 ms  order OrderPlaced: an order was placed
    12 ms  └ product handled it: relay 4 ms, queue 3 ms
    14 ms    └ product StockReserved: reserved, for 90.00 in all, 2 ms of work
   125 ms      └ user handled it: relay 6 ms, queue 105 ms
   130 ms        └ user BalanceDebited: took 90.00 from the balance, 5 ms of work
   140 ms          └ order handled it: relay 10 ms, queue 0 ms (confirm marked 10 ms later)
                       ! came too late and changed nothing: the order was FAILED (expired) for 40 ms; user refunds on OrderFailed
   101 ms  order OrderFailed: the order is FAILED (expired): undo what you did
   108 ms  ├ product handled it: relay 5 ms, queue 2 ms
   111 ms  │ └ product StockReleased: compensated: what was reserved is back in stock, 3 ms of work, confirmed after 4 ms (end)
   139 ms  └ user handled it: relay 5 ms, queue 33 ms
   142 ms    └ user BalanceRefunded: compensated: 90.00 is back in the balance, 3 ms of work, confirmed after 6 ms (end)

FAILED after 101 ms = placing 5 + waiting 96
at rest after 142 ms = placing 5 + waiting 96 + relay 5 + queue 33 + work 3

At rest: the order is FAILED (expired), and nothing is left to do.`,
  )
  for (const { hops, ms } of explained(lateDebit).paths)
    assert.is(
      hops.reduce((sum, hop) => sum + hop.ms, 0),
      ms,
    )
})

/** It was cancelled before product and user heard of it: both remember, and refuse what comes late. */
const tombstone: Partial<OrderRows> = {
  order: { ...base.order, reason: 'cancelled' },
  history: [
    { status: 'PROCESSING', reason: null, at: at(0) },
    { status: 'FAILED', reason: 'cancelled', at: at(10) },
  ],
  outbox: [
    event(1, 'order', 'OrderPlaced', [5, 40]),
    event(3, 'order', 'OrderFailed', [10, 15], { payload: { reason: 'cancelled' }, causationId: id(9) }),
    event(2, 'product', 'StockRejected', [52, 55], { causationId: id(1), payload: { reason: 'cancelled' } }),
  ],
  inbox: [
    handled('product', 3, 20),
    handled('user', 3, 21),
    handled('product', 1, 50),
    handled('order', 2, 60),
  ],
  reservation: state('REJECTED', 'cancelled'),
  payment: state('REJECTED', 'cancelled'),
}

test('what came late is refused by what is remembered, and says so on both sides', () => {
  const text = plain(tombstone)
  assert.match(
    text,
    'came too late and was refused: product had heard of the failure before, and remembered it',
  )
  assert.match(text, 'came too late and changed nothing: the order was FAILED (cancelled) for 50 ms')
  assert.match(
    text,
    'nothing to undo: product had reserved nothing; remembered, so that a late OrderPlaced is refused',
  )
  assert.match(
    text,
    'nothing to undo: user had debited nothing; remembered, so that a late StockReserved is refused',
  )
  // The command that cancelled it is nobody's event.
  assert.equal(treeOf({ ...base, ...tombstone }).orphans, [])
})

test('an event that came twice under two ids is absorbed by what was done', () => {
  const twice: Partial<OrderRows> = {
    ...lateDebit,
    outbox: [...(lateDebit.outbox ?? []), event(7, 'order', 'OrderPlaced', [6, 10])],
    inbox: [...(lateDebit.inbox ?? []), handled('product', 7, 13)],
  }
  assert.match(plain(twice), 'absorbed: product had done its part before (RELEASED)')
})

test('open ends and parked events are told in the tree', () => {
  const text = plain({
    order: { ...base.order, status: 'PROCESSING', reason: null },
    history: base.history.slice(0, 1),
    outbox: [
      event(1, 'order', 'OrderPlaced', [5, 9]),
      event(2, 'product', 'StockReserved', [14, null], {
        causationId: id(1),
        attempts: 6,
        lastError: 'NO_ROUTE',
        parkedAt: at(900),
      }),
    ],
    inbox: [handled('product', 1, 12)],
    reservation: state('RESERVED'),
  })
  assert.match(text, 'product StockReserved: reserved, for 90.00 in all, 2 ms of work, PARKED (NO_ROUTE)\n')
  assert.match(text, '└ user waits for it')
  assert.match(text, 'last sign of life after 14 ms = placing 5 + relay 4 + queue 3 + work 2')
})

test('pruned rows leave effects without causes, and the output says so', () => {
  const pruned = { ...lateDebit, outbox: (lateDebit.outbox ?? []).slice(1) }
  assert.equal(treeOf({ ...base, ...pruned }).orphans, [id(2)])
  assert.match(plain(pruned), 'note: the cause of some events is in no outbox any more: it was pruned')
  const inboxPruned = { ...lateDebit, inbox: (lateDebit.inbox ?? []).slice(1) }
  assert.is(nodesOf(treeOf({ ...base, ...inboxPruned })).length, 6, 'every event once, whoever forgot it')
})

test('events that name each other as their cause are not lost', () => {
  const circle = {
    outbox: [
      event(1, 'order', 'OrderPlaced', [5, 9], { causationId: id(2) }),
      event(2, 'product', 'StockReserved', [14, 20], { causationId: id(1) }),
    ],
  }
  assert.match(plain(circle), `note: OrderPlaced ${id(1)} is its own cause`)
  assert.match(plain(circle), `note: StockReserved ${id(2)} is its own cause`)
})

test('no line is wider than the terminal, and the tree goes on beside what is broken', () => {
  const lines = plain(lateDebit, 50).split('\n')
  for (const line of lines) assert.ok(line.length <= 50, line)
  assert.ok(lines.some((line) => line.startsWith(`${' '.repeat(11)}│ │ `) || /^ {11}│ {3}\S/.test(line)))
})

test('colours are there when they are wanted, and only then', () => {
  const esc = String.fromCharCode(27)
  assert.not.ok(plain(lateDebit).includes(esc))
  assert.ok(textOf(explained(lateDebit), { colors: true, width: undefined }).includes(esc))
})

test('the diagram goes by time, and holds nothing that Mermaid would stumble over', () => {
  const lines = mermaidOf(explained(lateDebit)).split('\n')
  assert.equal(lines.slice(0, 2), ['sequenceDiagram', `  title Order ${orderId}: FAILED (expired)`])
  const arrows = lines.filter((line) => line.includes('->>'))
  assert.equal(arrows, [
    '  order->>product: OrderPlaced (relay 4 ms, queue 3 ms)',
    '  order->>product: OrderFailed (relay 5 ms, queue 2 ms)',
    '  product->>user: StockReserved (relay 6 ms, queue 105 ms)',
    '  order->>user: OrderFailed (relay 5 ms, queue 33 ms)',
    '  user->>order: BalanceDebited (relay 10 ms, queue 0 ms)',
  ])
  for (const line of lines) assert.not.match(line, /[;#<{}]|%%/)
})

test('the JSON holds every point in time and every hop', () => {
  const json = JSON.parse(JSON.stringify(jsonOf(explained(lateDebit))))
  const [placed] = json.events
  assert.is(placed.committedAt, '2026-01-01T00:00:00.005Z')
  assert.is(placed.confirmedAt, '2026-01-01T00:00:00.009Z')
  assert.is(placed.deliveries[0].handledAt, '2026-01-01T00:00:00.012Z')
  assert.equal([placed.deliveries[0].relayMs, placed.deliveries[0].queueMs], [4, 3])
  assert.is(placed.deliveries[0].effects[0].causedBy, id(1))
  assert.match(json.notRecorded[0], /^received: /)
  assert.equal(json.verdict, {
    kind: 'at_rest',
    sentence: 'At rest: the order is FAILED (expired), and nothing is left to do.',
    next: null,
  })
})

test('an order placed by RPC is told by what the tables hold, step by step', () => {
  const rpc: Partial<OrderRows> = {
    order: { ...base.order, mode: 'rpc', reason: 'rpc_timeout' },
    history: [
      { status: 'PROCESSING', reason: null, at: at(2) },
      { status: 'FAILED', reason: 'rpc_timeout', at: at(5_000) },
    ],
    movements: [{ kind: 'RESERVE', at: at(10), lines: 2 }],
    reservation: state('RESERVED'),
    payment: state('DEBITED'),
    ledger: [{ kind: 'DEBIT', at: at(4_990), amount: 9_000 }],
  }
  const it = explained(rpc)
  assert.equal(
    it.steps.map(({ service, what, ms }) => [service, what, ms]),
    [
      ['order', 'PROCESSING', 2],
      ['product', 'reserved', 8],
      ['user', 'debited', 4_980],
      ['order', 'FAILED', 10],
    ],
  )
  assert.is(it.verdict.kind, 'held')
  assert.match(it.verdict.sentence, 'stock and money is still held for it')
  assert.match(
    plain(rpc).split('\n')[0] ?? '',
    / {2}placed in RPC mode: there are no events, so only the rows its services wrote are shown$/,
  )
})

test.run()
