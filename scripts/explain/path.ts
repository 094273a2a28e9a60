import type { OrderRows } from './rows.ts'
import { type Delivery, type EventNode, nodesOf, type Tree } from './tree.ts'

/** What the time of a hop went into. */
export type HopKind =
  /** From the order's row to its first event, in one transaction. */
  | 'placing'
  /** From one event to another that nobody's message led to: a deadline, a cancellation. */
  | 'waiting'
  /** Committed to confirmed: the outbox, the relay and the broker's confirm. */
  | 'relay'
  /** Confirmed to taken in hand: the broker's queue, the consumer's batch, and every retry. */
  | 'queue'
  /** Taken in hand to the next event being written. */
  | 'work'

export interface Hop {
  kind: HopKind
  /** The event it is about: the one on its way, or the one that was written. */
  event: string
  ms: number
}

export interface Path {
  to: 'terminal' | 'rest'
  end: Date
  /** From the order's row to the end. */
  hops: readonly Hop[]
  /** The end less the order's created_at: what the hops add up to, to the millisecond. */
  ms: number
}

interface Step {
  at: Date
  hop: Hop
}

/** The hops from the order's row to its terminal event, and to the last thing that happened for it. */
export const pathsOf = (rows: OrderRows, tree: Tree): Path[] => {
  const ways = new Map<EventNode | Delivery, Step[]>()
  const walk = (node: EventNode, before: readonly Step[], from: Date, kind: HopKind) => {
    const here = [...before, stepTo(node.row.createdAt, from, kind, node.row.type)]
    ways.set(node, here)
    for (const delivery of node.deliveries) {
      if (delivery.handledAt === undefined || delivery.hops === undefined) continue
      const out = new Date(node.row.createdAt.getTime() + delivery.hops.relayMs)
      const there = [
        ...here,
        stepTo(out, node.row.createdAt, 'relay', node.row.type),
        stepTo(delivery.handledAt, out, 'queue', node.row.type),
      ]
      ways.set(delivery, there)
      for (const effect of delivery.effects) walk(effect, there, delivery.handledAt, 'work')
    }
    for (const effect of node.loose) walk(effect, here, node.row.createdAt, 'waiting')
  }
  const [first] = tree.roots
  for (const root of tree.roots) {
    if (root === first || first === undefined)
      walk(root, [], rows.order.createdAt, root.row.type === 'OrderPlaced' ? 'placing' : 'waiting')
    else walk(root, ways.get(first) ?? [], first.row.createdAt, 'waiting')
  }
  const terminal = nodesOf(tree).find(
    ({ row }) => row.type === 'OrderSucceeded' || row.type === 'OrderFailed',
  )
  const last = [...ways.values()].reduce<Step[]>((a, b) => (endOf(b) > endOf(a) ? b : a), [])
  return [
    ...(terminal === undefined ? [] : [pathOf('terminal', ways.get(terminal) ?? [], rows)]),
    ...(last.length === 0 ? [] : [pathOf('rest', last, rows)]),
  ]
}

const endOf = (steps: readonly Step[]) => steps.at(-1)?.at.getTime() ?? Number.NEGATIVE_INFINITY

const stepTo = (at: Date, from: Date, kind: HopKind, event: string): Step => ({
  at,
  hop: { kind, event, ms: at.getTime() - from.getTime() },
})

const pathOf = (to: Path['to'], steps: readonly Step[], { order }: OrderRows): Path => {
  const end = steps.at(-1)?.at ?? order.createdAt
  return { to, end, hops: steps.map(({ hop }) => hop), ms: end.getTime() - order.createdAt.getTime() }
}

/** Milliseconds by what they went into, in the order in which they first appear; they add up like the hops. */
export const sumsOf = ({ hops }: Path): [HopKind, number][] => {
  const sums = new Map<HopKind, number>()
  for (const { kind, ms } of hops) sums.set(kind, (sums.get(kind) ?? 0) + ms)
  return [...sums]
}
