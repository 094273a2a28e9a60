/** What became of one publish, as a value. */
export type PublishOutcome =
  /** The broker has it on every queue that it was routed to. */
  | { kind: 'confirmed' }
  /** It was mandatory and no queue wanted it; nothing was kept. */
  | { kind: 'returned'; reason: string }
  /** This message can't be published as it is; its neighbours can. */
  | { kind: 'refused'; reason: string }
  /** Perhaps it arrived, perhaps not: publish it again under the same messageId. */
  | { kind: 'unknown'; reason: string }

export const confirmed: PublishOutcome = { kind: 'confirmed' }
export const returned = (reason: string): PublishOutcome => ({ kind: 'returned', reason })
export const refused = (reason: string): PublishOutcome => ({ kind: 'refused', reason })
export const unknown = (reason: string): PublishOutcome => ({ kind: 'unknown', reason })
/** The broker could not take it now, on some queue at least: nothing is wrong with the message. */
export const nacked: PublishOutcome = unknown('the broker did not take it (nack)')
