/** Full jitter: a pause between 0 and min(cap, first * 2^attempt) milliseconds; attempt counts from 0. */
export const fullJitterMs = (attempt: number, firstMs: number, capMs: number): number =>
  Math.random() * Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30))

/** Doubling, up to a fifth more: attempts of one row stay apart, rows do not come back all at once. */
export const doublingMs = (attempt: number, firstMs: number, capMs: number): number =>
  Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30)) * (1 + Math.random() / 5)
