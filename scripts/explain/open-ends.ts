import type { ServiceName } from '../../shared/contracts/index.ts'
import type { OutboxRow } from './rows.ts'
import { nodesOf, type Tree } from './tree.ts'

/** A place where the saga of an order has not gone on yet. */
export type OpenEnd =
  /** Committed and not confirmed. */
  | { kind: 'unpublished'; event: OutboxRow }
  | { kind: 'parked'; event: OutboxRow }
  /** Confirmed, and one that reacts to it has not handled it. */
  | { kind: 'unhandled'; event: OutboxRow; to: ServiceName }

/** Where the saga of an order is open, the earliest cause first. */
export const openEndsOf = (tree: Tree): OpenEnd[] =>
  nodesOf(tree)
    .sort((a, b) => a.row.createdAt.getTime() - b.row.createdAt.getTime())
    .flatMap(({ row, state, deliveries }): OpenEnd[] => {
      const unhandled = deliveries.filter(({ handledAt }) => handledAt === undefined)
      // Everybody has it, so nothing waits for the mark; a final event waits for nobody, but it is owed to the observers.
      if (unhandled.length === 0 && deliveries.length > 0) return []
      if (state === 'parked') return [{ kind: 'parked', event: row }]
      if (state === 'waiting') return [{ kind: 'unpublished', event: row }]
      return unhandled.map(({ to }) => ({ kind: 'unhandled', event: row, to }))
    })
