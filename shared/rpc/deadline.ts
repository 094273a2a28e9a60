/** When the caller gives up for good: inner calls of a chain get what is left of it. */
export interface Deadline {
  /** Milliseconds left; not below zero. */
  leftMs(): number
}

/** The deadline so many milliseconds from now. */
export const deadlineIn = (ms: number): Deadline => {
  const at = performance.now() + ms
  return { leftMs: () => Math.max(0, at - performance.now()) }
}

// The rest is the caller's own: to undo what it did, and to tell its caller before that one gives up too.
const shareOfWhatIsLeft = 0.8

/** How long an inner call may take, milliseconds: at every level of a chain there is time left to tell of an inner time-out. */
export const timeoutWithin = (deadline: Deadline | undefined, timeoutMs: number): number =>
  deadline === undefined ? timeoutMs : Math.min(timeoutMs, deadline.leftMs() * shareOfWhatIsLeft)
