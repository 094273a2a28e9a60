import type { EventType } from '../../shared/contracts/index.ts'
import type { Finding } from './finding.ts'

export interface Limits {
  /** How long work may be under way before it counts as left behind, in milliseconds. */
  graceMs: number
  /** How long an order may be PROCESSING. */
  deadlineMs: number
  /** How long outbox rows are kept: of older orders they are no proof. */
  retentionMs: number
}

/** A cause that was said and has no answer: wrong if its listener has handled it. */
export interface Unanswered {
  orderId: string
  cause: EventType
  /** What to report then. */
  finding: Finding
}

export interface Verdict {
  findings: Finding[]
  unanswered: Unanswered[]
  /** How the order ended, if that is long enough ago for the other services to be judged by it. */
  settled: 'SUCCESS' | 'FAILED' | undefined
}
