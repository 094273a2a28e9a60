export interface Backoff {
  /** Milliseconds before the second try. */
  firstMs: number
  /** Milliseconds a pause never exceeds. */
  capMs: number
  /** Between 0 and 1, for tests; Math.random otherwise. */
  random?: () => number
}

/** Full jitter: a pause between 0 and min(cap, first * 2^attempt) milliseconds; attempt counts from 0. */
export const backoffMs = (attempt: number, { firstMs, capMs, random = Math.random }: Backoff): number =>
  Math.floor(random() * Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30)))

/** Waits so many milliseconds, or less when the signal aborts. Never rejects. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
