import { doublingMs } from './backoff.ts'
import type { ClaimedRow } from './claim.ts'
import type { Lanes } from './lanes.ts'
import type { CrashPoint, RelayObserver } from './observer.ts'
import { markPublished, noteRefusal, parkAggregateFrom, parkBehind, releaseFollowers } from './settle.ts'
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

/** As PostgreSQL can keep it: text has no NUL. */
const storable = (reason: string): string => reason.replaceAll('\0', '').slice(0, reasonLength)

/** What has landed and is still to be written, and the writing of it. What a failed statement leaves is kept for the next try. */
export const createLanding = ({
  sql,
  lanes,
  observer,
  crashPoint,
  maxAttempts,
  firstRetryMs,
}: LandingOptions) => {
  let confirmed: ClaimedRow[] = []
  const refused: Refusal[] = []
  let behind: ClaimedRow[] = []
  let leading: ClaimedRow[] = []

  const park = async ({ row, reason }: Refusal) => {
    const rows = await parkAggregateFrom(sql, row, reason)
    lanes.openAgainAt(row.aggregateId, 0)
    observer.parked?.(row, reason, rows)
  }

  const retryLater = async ({ row, reason }: Refusal) => {
    await noteRefusal(sql, row.id, reason)
    const afterMs = doublingMs(row.attempts, firstRetryMs, retryCapMs)
    lanes.openAgainAt(row.aggregateId, performance.now() + afterMs)
    observer.retried?.(row, reason, afterMs)
  }

  return {
    confirmed: (row: ClaimedRow) => confirmed.push(row),
    refused: (row: ClaimedRow, reason: string) => refused.push({ row, reason: storable(reason) }),
    /** Notes which claimed rows have parked neighbours, and returns those that may be published. */
    claimed: (rows: readonly ClaimedRow[]): ClaimedRow[] => {
      behind = rows.filter((row) => row.isBehindParked)
      leading = rows.filter((row) => row.leadsParked && !row.isBehindParked)
      return rows.filter((row) => !row.isBehindParked)
    },
    isEmpty: () => confirmed.length + refused.length + behind.length + leading.length === 0,

    /** All confirmed so far, in one statement. */
    writeConfirmed: async (): Promise<void> => {
      if (confirmed.length === 0) return
      const rows = confirmed
      confirmed = []
      const ids = rows.map(({ id }) => id)
      try {
        await crashPoint?.('relay.beforeMark')
        await markPublished(sql, ids)
        await crashPoint?.('relay.afterMark')
      } catch (error) {
        confirmed = [...rows, ...confirmed]
        throw error
      }
      lanes.marked(ids)
      observer.published?.(rows.length)
    },

    writeRefused: async (): Promise<void> => {
      for (let next = refused[0]; next !== undefined; next = refused[0]) {
        if (next.row.attempts + 1 >= maxAttempts) await park(next)
        else await retryLater(next)
        refused.shift()
      }
    },

    /** Late rows join their parked aggregate, followers of an un-parked row leave it. Whether either was so. */
    writeNeighbours: async (): Promise<boolean> => {
      if (behind.length + leading.length === 0) return false
      const [first] = behind
      if (first !== undefined) {
        const rows = await parkBehind(
          sql,
          behind.map(({ id }) => id),
        )
        if (rows > 0) observer.parked?.(first, 'behind a parked event', rows)
        behind = []
      }
      if (leading.length > 0) await releaseFollowers(sql, [...new Set(leading.map((row) => row.aggregateId))])
      leading = []
      return true
    },
  }
}
