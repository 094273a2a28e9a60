import type { ServiceName } from '../../shared/contracts/index.ts'
import { listeners } from '../audit/hearing.ts'
import { remarkOn } from './remarks.ts'
import type { OrderRows, OutboxRow } from './rows.ts'

/**
 * One event: when it was said, what became of it, and what came of it. The points in time are columns: committed is
 * outbox.created_at, confirmed is outbox.published_at, handled is inbox.handled_at. When a consumer received a message is written
 * nowhere: it lies between confirmed and handled.
 */
export interface EventNode {
  row: OutboxRow
  state: 'confirmed' | 'waiting' | 'parked'
  /** From the cause being taken in hand to this event: the work of its service. Undefined without a cause that was handled. */
  workMs: number | undefined
  /** One for each service that reacts to it. */
  deliveries: readonly Delivery[]
  /** What it caused without a trace that its service handled it: its inbox row was pruned. */
  loose: readonly EventNode[]
}

export interface Delivery {
  to: ServiceName
  handledAt: Date | undefined
  /** Hops from committed to handled; they add up. Undefined until it was handled. */
  hops: { relayMs: number; queueMs: number } | undefined
  /** How much later than its handling the confirm was marked, when it was. */
  markedLateMs: number | undefined
  /** What was special: too late, refused, remembered, absorbed. */
  remark: string | undefined
  effects: readonly EventNode[]
}

export interface Tree {
  roots: readonly EventNode[]
  /** Events whose cause is an event that none of the three outboxes has (any more). */
  orphans: readonly string[]
  /** Events that name each other as their cause, so that they hang nowhere. */
  unreached: readonly OutboxRow[]
}

/** The causal tree of an order, from its rows. */
export const treeOf = (rows: OrderRows): Tree => {
  const known = new Set(rows.outbox.map(({ eventId }) => eventId))
  const caused = (by: OutboxRow) =>
    rows.outbox.filter(({ causationId }) => causationId === by.eventId).sort(byTime)

  const nodeOf = (row: OutboxRow, handledAt: Date | undefined): EventNode => {
    const heardBy = listeners(row.type)
    const effects = caused(row)
    const isHeard = ({ service }: OutboxRow) => heardBy.includes(service)
    return {
      row,
      state: row.publishedAt !== null ? 'confirmed' : row.parkedAt !== null ? 'parked' : 'waiting',
      workMs: handledAt === undefined ? undefined : row.createdAt.getTime() - handledAt.getTime(),
      deliveries: heardBy.map((to) =>
        deliveryOf(
          row,
          to,
          effects.filter(({ service }) => service === to),
        ),
      ),
      loose: effects.filter((effect) => !isHeard(effect)).map((effect) => nodeOf(effect, undefined)),
    }
  }

  const deliveryOf = (row: OutboxRow, to: ServiceName, effects: readonly OutboxRow[]): Delivery => {
    const handledAt = rows.inbox.find(
      ({ service, eventId }) => service === to && eventId === row.eventId,
    )?.handledAt
    return {
      to,
      handledAt,
      ...hopsOf(row, handledAt),
      remark: handledAt && remarkOn(rows, row, to, handledAt, effects),
      effects: effects.map((effect) => nodeOf(effect, handledAt)),
    }
  }

  const isRoot = ({ causationId }: OutboxRow) => causationId === undefined || !known.has(causationId)
  // An event that answers another names it; who is asked by a person names a command, or nothing.
  const orphans = rows.outbox.filter(
    ({ causationId, type }) => causationId !== undefined && !known.has(causationId) && answers.has(type),
  )
  const roots = rows.outbox
    .filter(isRoot)
    .sort(byTime)
    .map((row) => nodeOf(row, undefined))
  const reached = new Set(nodesOf({ roots }).map(({ row }) => row.eventId))
  return {
    roots,
    orphans: orphans.map(({ eventId }) => eventId),
    unreached: rows.outbox.filter(({ eventId }) => !reached.has(eventId)),
  }
}

/** What is only ever said in answer to an event. */
const answers = new Set([
  'StockReserved',
  'StockRejected',
  'BalanceDebited',
  'BalanceRejected',
  'OrderSucceeded',
  'StockReleased',
  'BalanceRefunded',
])

const byTime = (a: OutboxRow, b: OutboxRow) =>
  a.createdAt.getTime() - b.createdAt.getTime() ||
  (a.service === b.service ? Number(BigInt(a.id) - BigInt(b.id)) : a.service.localeCompare(b.service))

/** The mark of the confirm may come after a consumer was done: then all of the way counts as the relay's. */
const hopsOf = (
  { createdAt, publishedAt }: OutboxRow,
  handledAt: Date | undefined,
): Pick<Delivery, 'hops' | 'markedLateMs'> => {
  if (handledAt === undefined) return { hops: undefined, markedLateMs: undefined }
  const handled = handledAt.getTime()
  const out = Math.min(publishedAt?.getTime() ?? handled, handled)
  return {
    hops: { relayMs: out - createdAt.getTime(), queueMs: handled - out },
    markedLateMs:
      publishedAt && publishedAt.getTime() > handled ? publishedAt.getTime() - handled : undefined,
  }
}

/** Every node, parents first. */
export const nodesOf = ({ roots }: Pick<Tree, 'roots'>): EventNode[] =>
  roots.flatMap((node) => [
    node,
    ...nodesOf({ roots: [...node.deliveries.flatMap(({ effects }) => effects), ...node.loose] }),
  ])
