import { setTimeout as pause } from 'node:timers/promises'

// A timer is a millisecond or two late; a turn this near is taken at once, and the next ones are later by as much.
const soonMs = 2

/** `turn()` resolves so many times a second, evenly; at once when the caller is behind. Rejects with the signal's reason. */
export const createPace = (perSecond: number, signal?: AbortSignal) => {
  const everyMs = 1000 / perSecond
  let next = performance.now()
  return async (): Promise<void> => {
    signal?.throwIfAborted()
    const now = performance.now()
    const wait = next - now
    next = Math.max(next, now - everyMs) + everyMs
    if (wait <= soonMs) return
    await pause(wait, undefined, { signal }).catch((error) => {
      signal?.throwIfAborted()
      throw error
    })
  }
}
