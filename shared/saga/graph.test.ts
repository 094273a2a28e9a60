import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { EventType, ServiceName } from '../contracts/index.ts'
import {
  bindingsOf,
  eventTable,
  flowchart,
  listenersOf,
  problemsOf,
  type Rows,
  reactionsOf,
  type System,
} from './index.ts'

const hears = (input: EventType, ...emits: EventType[]): Rows[number] => ({ input, source: 'event', emits })
const asked = (input: string, ...emits: EventType[]): Rows[number] => ({ input, source: 'command', emits })

/** The choreography of the design, written down by hand. */
const rows: Record<ServiceName, Rows> = {
  order: [
    asked('PlaceOrder', 'OrderPlaced'),
    hears('StockRejected', 'OrderFailed'),
    hears('BalanceRejected', 'OrderFailed'),
    hears('BalanceDebited', 'OrderSucceeded'),
  ],
  product: [hears('OrderPlaced', 'StockReserved', 'StockRejected'), hears('OrderFailed', 'StockReleased')],
  user: [
    hears('StockReserved', 'BalanceDebited', 'BalanceRejected'),
    hears('OrderFailed', 'BalanceRefunded'),
  ],
}
const systemWith = (changes: Partial<Record<ServiceName, Rows>> = {}): System => {
  const { order, product, user } = { ...rows, ...changes }
  return { order: { rows: order }, product: { rows: product }, user: { rows: user } }
}
/** The table of `service` without what it does on `input`. */
const without = (service: ServiceName, input: string) => ({
  [service]: rows[service].filter((row) => row.input !== input),
})

test('a whole choreography has no problems', () => {
  assert.equal(problemsOf(systemWith()), [])
})

test('an event that nobody hears is a problem, unless it is final', () => {
  assert.equal(problemsOf(systemWith(without('user', 'StockReserved'))), [
    'StockReserved has no listener and is not marked final',
    'nobody says BalanceDebited',
    'nobody says BalanceRejected',
  ])
})

test('a final event that somebody hears is a problem', () => {
  const user = [...rows.user, hears('OrderSucceeded')]
  const order = [...rows.order, hears('StockReleased')]
  assert.equal(problemsOf(systemWith({ user, order })), [
    'OrderSucceeded is marked final, yet user listens',
    'StockReleased is marked final, yet order listens',
  ])
})

test('an event that nobody says is a problem', () => {
  assert.equal(problemsOf(systemWith(without('order', 'BalanceDebited'))), [
    'BalanceDebited has no listener and is not marked final',
    'nobody says OrderSucceeded',
  ])
})

test("a service that says another's event is a problem", () => {
  const user = [
    hears('StockReserved', 'BalanceDebited', 'BalanceRejected', 'OrderFailed'),
    ...rows.user.slice(1),
  ]
  assert.equal(problemsOf(systemWith({ user })), [
    'user says OrderFailed (on StockReserved), which belongs to order',
  ])
})

test('a path without an end is a problem, named once from where it begins', () => {
  const product = [
    hears('OrderPlaced', 'StockReserved', 'StockRejected'),
    hears('OrderFailed', 'StockReleased', 'StockRejected'),
  ]
  assert.equal(problemsOf(systemWith({ product })), [
    'the path OrderPlaced -> StockReserved -> BalanceRejected -> OrderFailed -> StockRejected -> OrderFailed has no end',
    'the path OrderPlaced -> StockRejected -> OrderFailed -> StockRejected has no end',
  ])
})

test('queues bind what their tables hear, each key once', () => {
  assert.equal(bindingsOf(rows.order), ['update.stock', 'update.balance'])
  assert.equal(bindingsOf(rows.product), ['order.create', 'update.cancel'])
  assert.equal(bindingsOf(rows.user), ['user.check', 'update.cancel'])
  assert.equal(bindingsOf([asked('PlaceOrder', 'OrderPlaced')]), [])
})

test('listeners and reactions are found across the tables', () => {
  assert.equal(listenersOf(systemWith(), 'OrderFailed'), ['product', 'user'])
  assert.equal(listenersOf(systemWith(), 'OrderSucceeded'), [])
  assert.is(reactionsOf(systemWith()).length, 8)
  assert.equal(reactionsOf(systemWith())[0], {
    service: 'order',
    input: 'PlaceOrder',
    source: 'command',
    emits: ['OrderPlaced'],
  })
})

test('the flowchart draws each reaction once, an arrow per event and listener, and an end for a final event', () => {
  const lines = flowchart(systemWith()).split('\n')
  assert.is(lines[0], 'flowchart LR')
  for (const line of [
    '  subgraph product',
    '    order_PlaceOrder["PlaceOrder"]',
    '    product_OrderFailed["on OrderFailed"]',
    '  order_PlaceOrder -- OrderPlaced --> product_OrderPlaced',
    '  order_StockRejected -- OrderFailed --> product_OrderFailed',
    '  order_StockRejected -- OrderFailed --> user_OrderFailed',
    '  order_BalanceDebited -- OrderSucceeded --> OrderSucceeded(("final"))',
  ])
    assert.is(lines.filter((it) => it === line).length, 1, line)
  assert.is(lines.filter((it) => it.includes('-->')).length, 12)
  assert.is(lines.filter((it) => it.includes('["')).length, 8)
  assert.is(lines.filter((it) => it === '  end').length, 3)
})

test('the event table says by whom, under which key, and who reacts', () => {
  const text = eventTable(systemWith()).split('\n')
  assert.is(text.length, 2 + 9)
  assert.ok(
    text.includes(
      '| `OrderPlaced` | order | `order.create` | 1 | product -> StockReserved or StockRejected |',
    ),
  )
  assert.ok(
    text.includes(
      '| `OrderFailed` | order | `update.cancel` | 1 | product -> StockReleased; user -> BalanceRefunded |',
    ),
  )
  assert.ok(text.includes('| `StockReleased` | product | `update.stock` | 1 | final |'))
})

test.run()
