import type { OutboxRow } from './transport.ts'

export type RelayState = 'leading' | 'standby' | 'disconnected'

/** What the relay tells, for metrics and logs. None may throw. */
export interface RelayObserver {
  /** So many rows were marked as published. */
  published?: (count: number) => void
  /** Refused, to be tried again after so many milliseconds. */
  retried?: (row: OutboxRow, reason: string, afterMs: number) => void
  /** Refused for the last time: so many rows of its aggregate wait for a person now. */
  parked?: (row: OutboxRow, reason: string, rows: number) => void
  /** Came back without an answer; the same event is published again. */
  unknown?: (row: OutboxRow, reason: string) => void
  /** Published rows, and inbox rows, deleted for their age. */
  pruned?: (rows: number) => void
  state?: (state: RelayState) => void
  /** Something failed and is tried again. */
  error?: (error: unknown) => void
}

/** A named line of code where a test may make the process die, stop or throw. */
export type CrashPoint = (
  name:
    | 'relay.afterClaim'
    | 'relay.afterPublish'
    | 'relay.afterConfirm'
    | 'relay.beforeMark'
    | 'relay.afterMark'
    | 'replay.afterSelect'
    | 'replay.midBatch'
    | 'replay.afterPublish',
) => Promise<void>
