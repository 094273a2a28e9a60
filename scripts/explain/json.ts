import type { Explanation } from './explanation.ts'
import type { Path } from './path.ts'
import type { EventNode } from './tree.ts'

/** What no column holds; said with every answer, so that nobody reads more into the numbers. */
export const notRecorded = [
  'received: when the broker handed a message over; handledAt is the first statement of the handling transaction, so it lies in queueMs',
  'the commits themselves: committedAt and handledAt are taken by the database inside the transaction that commits them',
  'duplicates that an inbox skipped: they leave no row (inbox_duplicates_total of the service counts them)',
  'failed tries of a message that was handled in the end: their history goes with the message',
  'publishes without an answer that were done again (outbox_unknown_total counts them); attempts counts refusals',
]

/** The explanation for a machine. Times are ISO 8601 in UTC, spans milliseconds, money minor units. */
export const jsonOf = ({ order, endedAt, roots, steps, paths, notes, verdict }: Explanation) => ({
  order,
  endedAt: endedAt ?? null,
  verdict: { ...verdict, next: verdict.next ?? null },
  paths: paths.map(pathOf),
  events: roots.map(eventOf),
  steps,
  notes,
  notRecorded,
})

const pathOf = ({ to, end, ms, hops }: Path) => ({ to, end, ms, hops })

const eventOf = ({ row, state, workMs, deliveries, loose }: EventNode): object => ({
  eventId: row.eventId,
  type: row.type,
  by: row.service,
  causedBy: row.causationId ?? null,
  state,
  committedAt: row.createdAt,
  confirmedAt: row.publishedAt,
  workMs: workMs ?? null,
  attempts: row.attempts,
  lastError: row.lastError,
  parkedAt: row.parkedAt,
  data: row.payload,
  deliveries: deliveries.map(({ to, handledAt, hops, markedLateMs, remark, effects }) => ({
    to,
    handledAt: handledAt ?? null,
    relayMs: hops?.relayMs ?? null,
    queueMs: hops?.queueMs ?? null,
    markedLateMs: markedLateMs ?? null,
    remark: remark ?? null,
    effects: effects.map(eventOf),
  })),
  ...(loose.length > 0 ? { effectsWithoutInboxRow: loose.map(eventOf) } : {}),
})
