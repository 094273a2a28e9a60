import type { ClaimedRow } from './claim.ts'
import { createMemory, type MemoryLimits } from './in-memory.ts'

export interface LaneLimits {
  /** Rows published and not yet confirmed. */
  inFlight: number
  memory: MemoryLimits
  /** Rows in memory of one aggregate, from which on no more of it are claimed. */
  perAggregate: number
  /** So many aggregates that wait for their next try that something general must be wrong: nothing is claimed. */
  blocked: number
}

/** A row that came back unknown so often goes out alone from then on: it may be what breaks the connection for all. */
const suspectAfter = 3

interface Lane {
  rows: ClaimedRow[]
  flying: boolean
  /** So long that no more is claimed of it, until half of it is gone. */
  full: boolean
  unknowns: number
  /** How many confirms others had got when this one last failed alone. */
  failedAloneAt: number | undefined
}

const never = Number.POSITIVE_INFINITY

/**
 * What is in memory, one lane per aggregate: at most one row of a lane is in flight, in id order, and the next one takes
 * off when it was confirmed. Pure bookkeeping: no clock, no I/O. A row stays held until it is marked.
 */
export const createLanes = (limits: LaneLimits) => {
  const lanes = new Map<string, Lane>()
  const memory = createMemory(limits.memory)
  const blocked = new Map<string, number>()
  const ready = new Set<string>()
  const suspects = new Set<string>()
  /** Refused for what became of all in flight with them: from then on they go out alone. */
  const convicted = new Set<string>()
  let flying = 0
  let confirms = 0
  let alone: string | undefined
  /** How many others may go before the next suspect does. */
  let credit = 0

  const enqueue = (aggregateId: string, lane: Lane) => {
    const head = lane.rows[0]
    if (head === undefined) lanes.delete(aggregateId)
    else if (convicted.has(aggregateId) || lane.unknowns >= suspectAfter) suspects.add(aggregateId)
    else ready.add(aggregateId)
  }

  const land = (row: ClaimedRow): Lane => {
    const lane = lanes.get(row.aggregateId)!
    lane.flying = false
    flying -= 1
    if (alone === row.aggregateId) alone = undefined
    return lane
  }

  const takeOff = (from: Set<string>): ClaimedRow | undefined => {
    const [aggregateId] = from
    if (aggregateId === undefined) return undefined
    from.delete(aggregateId)
    const lane = lanes.get(aggregateId)!
    lane.flying = true
    flying += 1
    if (from === suspects) {
      alone = aggregateId
      credit = limits.inFlight
    } else credit -= 1
    return lane.rows[0]
  }

  /** Lets go of what is in memory of an aggregate; it is claimed again when it is no longer blocked. */
  const block = (row: ClaimedRow) => {
    for (const { id } of lanes.get(row.aggregateId)!.rows) memory.letGo(id)
    lanes.delete(row.aggregateId)
    blocked.set(row.aggregateId, never)
  }

  return {
    /** Claimed rows, in id order. */
    accept: (rows: readonly ClaimedRow[]) => {
      memory.claimed()
      for (const row of rows) {
        if (blocked.has(row.aggregateId) || memory.has(row.id)) continue
        memory.hold(row)
        const lane = lanes.get(row.aggregateId)
        if (lane !== undefined) {
          lane.rows.push(row)
          lane.full ||= lane.rows.length >= limits.perAggregate
          continue
        }
        const fresh = { rows: [row], flying: false, full: false, unknowns: 0, failedAloneAt: undefined }
        lanes.set(row.aggregateId, fresh)
        enqueue(row.aggregateId, fresh)
      }
    },
    /** The next row that may be published now. */
    takeNext: (): ClaimedRow | undefined => {
      if (alone !== undefined || flying >= limits.inFlight) return undefined
      if (suspects.size > 0 && (credit <= 0 || ready.size === 0)) {
        return flying === 0 ? takeOff(suspects) : undefined
      }
      return takeOff(ready)
    },
    /** Its successor may go; the row itself is held until `marked`. Whether more of its aggregate may be claimed again. */
    confirmed: (row: ClaimedRow): boolean => {
      const lane = land(row)
      confirms += 1
      convicted.delete(row.aggregateId)
      lane.rows.shift()
      lane.unknowns = 0
      lane.failedAloneAt = undefined
      enqueue(row.aggregateId, lane)
      if (!lane.full || lane.rows.length > limits.perAggregate / 2) return false
      lane.full = false
      return true
    },
    /**
     * To be published again. `refused` when the row came back unknown each time it was alone while others were
     * confirmed in between: then it is not the broker, it is the row.
     */
    unknown: (row: ClaimedRow): 'again' | 'refused' => {
      const wasAlone = alone === row.aggregateId
      const lane = land(row)
      lane.unknowns += 1
      if (wasAlone && lane.failedAloneAt !== undefined && lane.failedAloneAt < confirms) {
        block(row)
        convicted.add(row.aggregateId)
        return 'refused'
      }
      if (wasAlone) lane.failedAloneAt ??= confirms
      enqueue(row.aggregateId, lane)
      return 'again'
    },
    /** Blocks the aggregate until `openAgainAt` or `openAgain` is called for it. */
    refused: (row: ClaimedRow) => {
      land(row)
      block(row)
    },
    openAgainAt: (aggregateId: string, at: number) => blocked.set(aggregateId, at),
    /** What is left of it in the table is parked: nothing is known of it any more. */
    openAgain: (aggregateId: string) => {
      convicted.delete(aggregateId)
      blocked.set(aggregateId, 0)
    },
    /** Whether an aggregate's time has come; by the clock `openAgainAt` was given in. */
    openDue: (now: number): boolean => {
      const before = blocked.size
      for (const [aggregateId, at] of blocked) if (at <= now) blocked.delete(aggregateId)
      return blocked.size < before
    },
    nextDue: (): number => {
      let next = never
      for (const at of blocked.values()) if (at < next) next = at
      return next
    },
    marked: (ids: readonly bigint[]) => {
      for (const id of ids) memory.letGo(id)
    },
    /** Aggregates of which no more are to be claimed now. */
    skipped: (): string[] => [
      ...blocked.keys(),
      ...[...lanes].filter(([, lane]) => lane.full).map(([id]) => id),
    ],
    /** How many may be claimed now. */
    room: (): number => (blocked.size >= limits.blocked ? 0 : memory.room()),
    capacity: memory.capacity,
    claimFailed: memory.claimFailed,
    heldIds: memory.ids,
    counts: () => ({ inFlight: flying, held: memory.size(), blocked: blocked.size }),
  }
}

export type Lanes = ReturnType<typeof createLanes>
