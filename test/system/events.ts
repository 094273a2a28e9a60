import { type EventType, events, type ServiceName, services } from '../../shared/contracts/index.ts'
import type { Seen } from './broker.ts'
import { groupBy } from './money-and-stock.ts'
import type { Snapshot } from './snapshot.ts'

/** Who reacts to what, as the design says it; the choreography tables are held against it. */
const listeners: Record<EventType, readonly ServiceName[]> = {
  OrderPlaced: ['product'],
  StockReserved: ['user'],
  StockRejected: ['order'],
  BalanceDebited: ['order'],
  BalanceRejected: ['order'],
  OrderSucceeded: [],
  OrderFailed: ['product', 'user'],
  StockReleased: [],
  BalanceRefunded: [],
}

export const listenersOf = (type: string): readonly ServiceName[] => listeners[type as EventType] ?? []

/** What was published by hand: its ids may be seen without having an outbox row. */
export interface Planted {
  ids: ReadonlySet<string>
}

const allRows = (snapshot: Snapshot) => services.flatMap((service) => snapshot[service].outbox)

/** Whose event was not handled yet by whom. */
export const unhandled = (snapshot: Snapshot): string[] => {
  const handled = new Set(
    services.flatMap((service) =>
      snapshot[service].inbox.map(({ consumer, event_id }) => `${consumer} ${event_id}`),
    ),
  )
  return allRows(snapshot).flatMap(({ event_id, type, parked }) =>
    listenersOf(type)
      .filter((service) => !parked && !handled.has(`${service}.events ${event_id}`))
      .map((service) => `${type} ${event_id} not handled by ${service}`),
  )
}

/** Every event was published, and heard; nothing was published that no outbox has. */
export const nothingLost = (snapshot: Snapshot, wiretap: readonly Seen[], planted: Planted): string[] => {
  const heard = new Set(wiretap.map(({ id }) => id))
  const rows = allRows(snapshot)
  const known = new Set(rows.map(({ event_id }) => event_id))
  return [
    ...rows.filter(({ waiting }) => waiting).map(({ event_id }) => `I12 event ${event_id} still waits`),
    ...rows.filter(({ parked }) => parked).map(({ event_id }) => `I12 event ${event_id} is parked`),
    ...rows
      .filter(({ event_id, parked }) => !parked && !heard.has(event_id))
      .map(({ event_id, type }) => `I12 ${type} ${event_id} is lost: the wiretap never had it`),
    ...[...heard]
      .filter((id) => !known.has(id) && !planted.ids.has(id))
      .map((id) => `I12 message ${id} is in no outbox`),
    ...unhandled(snapshot).map((what) => `I13 ${what}`),
  ]
}

/** Each change of state was said exactly once, and nothing was said that did not happen. Orders placed by RPC say nothing. */
export const saidWhatHappened = ({ order, product, user }: Snapshot): string[] => {
  const problems: string[] = []
  const byRpc = new Set(order.orders.filter(({ mode }) => mode === 'rpc').map(({ id }) => id))
  const compare = (type: EventType, from: Snapshot[ServiceName], happened: readonly string[]) => {
    const said = groupBy(
      from.outbox.filter((row) => row.type === type),
      (row) => row.order_id,
    )
    for (const [orderId, rows] of said)
      if (rows.length > 1) problems.push(`I6 order ${orderId}: ${type} said ${rows.length} times`)
    const real = new Set(happened.filter((id) => !byRpc.has(id)))
    for (const id of real) if (!said.has(id)) problems.push(`I6 order ${id}: ${type} was never said`)
    for (const id of said.keys())
      if (!real.has(id) && !byRpc.has(id))
        problems.push(`I6 order ${id}: ${type} was said, and did not happen`)
  }
  const ids = <Row>(rows: readonly Row[], pick: (row: Row) => string | null | false) =>
    rows.flatMap((row) => pick(row) || [])
  compare(
    'OrderPlaced',
    order,
    ids(order.orders, ({ id }) => id),
  )
  compare(
    'OrderSucceeded',
    order,
    ids(order.orders, ({ id, status }) => status === 'SUCCESS' && id),
  )
  compare(
    'OrderFailed',
    order,
    ids(order.orders, ({ id, status }) => status === 'FAILED' && id),
  )
  const done = (kind: string) => (row: { kind: string; order_id: string | null }) =>
    row.kind === kind && row.order_id
  compare('StockReserved', product, ids(product.movements, done('RESERVE')))
  compare('StockReleased', product, ids(product.movements, done('RELEASE')))
  compare('BalanceDebited', user, ids(user.ledger, done('DEBIT')))
  compare('BalanceRefunded', user, ids(user.ledger, done('REFUND')))
  return problems
}

/** Every event under the routing key of its contract, once or more often, always the same. */
export const sameEveryTime = (wiretap: readonly Seen[], planted: Planted): string[] =>
  [...groupBy(wiretap, ({ id }) => id)].flatMap(([id, copies]) => {
    if (planted.ids.has(id)) return []
    const [first] = copies
    const expected = events[first?.type as EventType]?.routingKey
    const odd = copies.find(
      ({ body, type, routingKey }) =>
        type !== first?.type || routingKey !== expected || !body.equals(first?.body ?? body),
    )
    return odd === undefined ? [] : [`I12 message ${id} came as ${odd.type} under ${odd.routingKey}`]
  })
