import { openEndsOf } from './open-ends.ts'
import { type Path, pathsOf } from './path.ts'
import type { OrderRow, OrderRows } from './rows.ts'
import { type RpcStep, rpcSteps } from './rpc-steps.ts'
import type { Letter, Sight } from './sight.ts'
import { type EventNode, nodesOf, type Tree, treeOf } from './tree.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** All there is to tell about one order; text, JSON and diagram are made of it. */
export interface Explanation {
  order: OrderRow
  /** When the order became terminal, by its history. */
  endedAt: Date | undefined
  roots: readonly EventNode[]
  /** What an order placed by RPC left in the tables. */
  steps: readonly RpcStep[]
  paths: readonly Path[]
  /** What is worth knowing beside the tree, one sentence each. */
  notes: readonly string[]
  verdict: Verdict
}

export const explanationOf = (rows: OrderRows, sight: Sight, deadlineMs: number): Explanation => {
  const tree = treeOf(rows)
  const { order } = rows
  return {
    order,
    endedAt: rows.history.find(({ status }) => status !== 'PROCESSING')?.at,
    roots: tree.roots,
    steps: order.mode === 'rpc' ? rpcSteps(rows) : [],
    paths: pathsOf(rows, tree),
    notes: notesOf(rows, tree, sight),
    verdict: verdictOf({
      now: rows.readAt,
      deadlineMs,
      order,
      openEnds: openEndsOf(tree),
      unreadable: rows.unreadable,
      held: heldFor(rows),
      sight,
    }),
  }
}

const heldFor = ({ order, reservation, payment }: OrderRows): ('stock' | 'money')[] => {
  if (order.status !== 'FAILED') return []
  return [
    ...(reservation?.status === 'RESERVED' ? (['stock'] as const) : []),
    ...(payment?.status === 'DEBITED' ? (['money'] as const) : []),
  ]
}

const notesOf = (rows: OrderRows, tree: Tree, sight: Sight): string[] => {
  const refused = nodesOf(tree).filter(({ row }) => row.attempts > 0 && row.parkedAt === null)
  return [
    ...refused.map(
      ({ row }) =>
        `${row.type}: publishing it was refused ${row.attempts} ${row.attempts === 1 ? 'time' : 'times'}, at last because "${row.lastError ?? ''}"`,
    ),
    ...letterNotes(rows, sight),
    ...tree.unreached.map(
      ({ type, eventId }) => `${type} ${eventId} is its own cause by a detour, which no service writes`,
    ),
    ...(tree.orphans.length > 0
      ? ['the cause of some events is in no outbox any more: it was pruned, or never was there']
      : []),
    ...(rows.outbox.length === 0 && rows.order.mode === 'choreography'
      ? ['no outbox has an event of this order: they were pruned, or never were there']
      : []),
    ...(sight.broker.kind !== 'up' && sight.broker.reason !== undefined
      ? [`the broker was not looked at: ${sight.broker.reason}`]
      : []),
  ]
}

/** Messages of the order that were set aside, whether or not the verdict is about them. */
const letterNotes = (rows: OrderRows, { broker }: Sight): string[] => {
  if (broker.kind !== 'up') return []
  return Object.entries(broker.queues).flatMap(([service, queue]) => {
    if (queue.kind !== 'there') return []
    const isHandled = ({ eventId }: Letter) =>
      rows.inbox.some((it) => it.service === service && it.eventId === eventId)
    const describe = (letter: Letter, where: string) =>
      [
        `${letter.type ?? 'a message'} ${letter.eventId ?? 'without an id'} ${where}`,
        ...(letter.failures.length === 0 ? [letter.reason] : []),
        ...(isHandled(letter) ? [`${service} has handled it: the inbox would absorb it`] : []),
        ...letter.failures.map((failure) => `failed ${failure}`),
      ].join('; ')
    return [
      ...queue.dead.map((letter) => describe(letter, `is a dead letter of ${queue.queue}`)),
      ...queue.retrying.map((letter) =>
        describe(letter, `waits for try ${letter.attempt} at ${queue.queue}`),
      ),
      ...(queue.unread > 0
        ? [`${queue.queue}.dead holds ${queue.unread} letters more than were looked at`]
        : []),
    ]
  })
}
