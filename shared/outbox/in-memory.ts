import type { ClaimedRow } from './claim.ts'

export interface MemoryLimits {
  /** Rows in memory, whatever their state. */
  rows: number
  /** Characters of payloads in memory, mostly a byte each; exceeded by one row at most. */
  bytes: number
  /** What one claim may bring of them, but for its last row. */
  claimBytes: number
}

/** Which rows are in memory, and how many more may be claimed. */
export const createMemory = (limits: MemoryLimits) => {
  const sizes = new Map<bigint, number>()
  let bytes = 0
  /** Rows that one claim may ask for. */
  let atOnce = limits.rows

  return {
    has: (id: bigint): boolean => sizes.has(id),
    ids: (): bigint[] => [...sizes.keys()],
    size: (): number => sizes.size,
    hold: ({ id, payloadText }: ClaimedRow) => {
      sizes.set(id, payloadText.length)
      bytes += payloadText.length
    },
    letGo: (id: bigint) => {
      bytes -= sizes.get(id) ?? 0
      sizes.delete(id)
    },
    /** How many may be claimed now; none while a claim could bring more bytes than there is room for. */
    room: (): number =>
      bytes + limits.claimBytes > limits.bytes ? 0 : Math.min(atOnce, limits.rows - sizes.size),
    /** How many rows there is room for when none is held. */
    capacity: (): number => atOnce,
    /** The rows may be too large to be read in time: the next claim is for half as many. */
    claimFailed: () => {
      atOnce = Math.max(1, Math.floor(atOnce / 2))
    },
    claimed: () => {
      atOnce = Math.min(limits.rows, 2 * atOnce)
    },
  }
}
