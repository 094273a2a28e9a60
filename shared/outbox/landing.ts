import { doublingMs } from './backoff.ts'
import type { ClaimedRow } from './claim.ts'
import type { Lanes } from './lanes.ts'
import type { CrashPoint, RelayObserver } from './observer.ts'
import {
  lockNotAvailable,
  markPublished,
  markUnlocked,
  noteRefusals,
  parkAggregateFrom,
  parkBehind,
  releaseFollowers,
} from './settle.ts'
import type { Sql } from './sql.ts'

export interface LandingOptions {
  sql: Sql
  lanes: Lanes
  observer: RelayObserver
  crashPoint: CrashPoint | undefined
  maxAttempts: number
  firstRetryMs: number
}

interface Refusal {
  row: ClaimedRow
  reason: string
}

const retryCapMs = 60_000
const reasonLength = 1000
/** A step parks so long at most; then the others have their turn. */
const parkingMs = 20
/** Until what could not be written is tried again. */
const againMs = 500
const never = Number.POSITIVE_INFINITY

/** As PostgreSQL can keep it: text has no NUL. */
const storable = (reason: string): string => reason.replaceAll('\0', '').slice(0, reasonLength)

const isLocked = (error: unknown): boolean => (error as { code?: unknown }).code === lockNotAvailable

/**
 * Outcomes of publishes that are not in the database yet, and the statements that write them. What a failed statement did not write
 * is tried again, and so is a row that somebody else has locked: the others are written without it.
 */
export const createLanding = ({
  sql,
  lanes,
  observer,
  crashPoint,
  maxAttempts,
  firstRetryMs,
}: LandingOptions) => {
  let confirmed: ClaimedRow[] = []
  /** Confirmed, and somebody else has locked them. */
  let locked: ClaimedRow[] = []
  let lockedAt = 0
  /** To be tried again, and to be parked. */
  let refused: Refusal[] = []
  let refusedAt = 0
  const spent: Refusal[] = []
  let spentAt = 0
  let behind: ClaimedRow[] = []
  /** Aggregates whose first parked row was un-parked alone. */
  const leading = new Set<string>()
  let leadingAt = 0

  const park = async ({ row, reason }: Refusal) => {
    const rows = await parkAggregateFrom(sql, row, reason)
    lanes.openAgain(row.aggregateId)
    observer.parked?.(row, reason, rows)
  }

  const retryLater = ({ row, reason }: Refusal) => {
    const afterMs = doublingMs(row.attempts, firstRetryMs, retryCapMs)
    lanes.openAgainAt(row.aggregateId, performance.now() + afterMs)
    observer.retried?.(row, reason, afterMs)
  }

  /**
   * Marks what can be marked, and returns the ids of the rest. The statement that waits for locks is the faster one; while rows are
   * known to be locked, the one that skips them is used.
   */
  const mark = async (rows: readonly ClaimedRow[]): Promise<Set<bigint>> => {
    const ids = rows.map(({ id }) => id)
    if (locked.length === 0) {
      try {
        await markPublished(sql, ids)
        return new Set()
      } catch (error) {
        if (!isLocked(error)) throw error
        observer.error?.(error)
      }
    }
    return markUnlocked(sql, ids)
  }

  return {
    confirmed: (row: ClaimedRow) => confirmed.push(row),
    refused: (row: ClaimedRow, reason: string) => {
      const isLast = row.attempts + 1 >= maxAttempts
      ;(isLast ? spent : refused).push({ row, reason: storable(reason) })
    },
    /** Notes which claimed rows have parked neighbours, and returns those that may be published. */
    claimed: (rows: readonly ClaimedRow[]): ClaimedRow[] => {
      behind = rows.filter((row) => row.isBehindParked)
      for (const row of rows) if (row.leadsParked && !row.isBehindParked) leading.add(row.aggregateId)
      return rows.filter((row) => !row.isBehindParked)
    },
    isEmpty: () =>
      confirmed.length + locked.length + refused.length + spent.length + behind.length + leading.size === 0,
    /** When there is something to be written. */
    nextDue: (): number =>
      Math.min(
        confirmed.length + behind.length > 0 ? 0 : never,
        locked.length > 0 ? lockedAt : never,
        refused.length > 0 ? refusedAt : never,
        spent.length > 0 ? spentAt : never,
        leading.size > 0 ? leadingAt : never,
      ),

    /** All confirmed so far, in one statement. */
    writeConfirmed: async (): Promise<void> => {
      const fresh = confirmed
      const isDue = performance.now() >= lockedAt
      const rows = isDue ? [...locked, ...fresh] : fresh
      if (rows.length === 0) return
      confirmed = []
      let left: Set<bigint>
      try {
        await crashPoint?.('relay.beforeMark')
        left = await mark(rows)
        await crashPoint?.('relay.afterMark')
      } catch (error) {
        confirmed = [...fresh, ...confirmed]
        throw error
      }
      const marked = rows.filter(({ id }) => !left.has(id))
      locked = [...(isDue ? [] : locked), ...rows.filter(({ id }) => left.has(id))]
      if (isDue && left.size > 0) lockedAt = performance.now() + againMs
      lanes.marked(marked.map(({ id }) => id))
      if (marked.length > 0) observer.published?.(marked.length)
    },

    /** All that is tried again later for the same reason, in one statement. */
    writeRefused: async (): Promise<void> => {
      const reason = refused[0]?.reason
      if (reason === undefined || performance.now() < refusedAt) return
      const due = refused.filter((refusal) => refusal.reason === reason)
      refused = refused.filter((refusal) => refusal.reason !== reason)
      const ids = due.map(({ row }) => row.id)
      let left = new Set(ids)
      try {
        left = await noteRefusals(sql, ids, reason)
      } finally {
        for (const refusal of due)
          if (left.has(refusal.row.id)) refused.push(refusal)
          else retryLater(refusal)
        if (left.size > 0) refusedAt = performance.now() + againMs
      }
    },

    /** An aggregate at a time, each with what is behind it. */
    writeSpent: async (): Promise<void> => {
      if (performance.now() < spentAt) return
      const until = performance.now() + parkingMs
      for (let next = spent[0]; next !== undefined && performance.now() < until; next = spent[0]) {
        try {
          await park(next)
          spent.shift()
        } catch (error) {
          spent.push(...spent.splice(0, 1))
          spentAt = performance.now() + againMs
          throw error
        }
      }
    },

    /** Late rows join their parked aggregate, followers of an un-parked row leave it. Whether either was so. */
    writeNeighbours: async (): Promise<boolean> => {
      const late = behind
      behind = []
      const ids = late.map(({ id }) => id)
      const parked = late.length === 0 ? 0 : await parkBehind(sql, ids)
      if (parked > 0) observer.parked?.(late[0]!, 'behind a parked event', parked)
      if (leading.size === 0 || performance.now() < leadingAt) return parked > 0
      leadingAt = performance.now() + againMs
      await releaseFollowers(sql, [...leading])
      leading.clear()
      leadingAt = 0
      return true
    },
  }
}
