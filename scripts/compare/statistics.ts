/**
 * The smallest value that at least `share` (0 to 1) of all values don't exceed: nearest rank, no interpolation, so the answer is
 * always a value that was measured. null when there are none.
 */
export const quantile = (values: readonly number[], share: number): number | null =>
  quantileOfSorted(Float64Array.from(values).sort(), share)

export const quantileOfSorted = (sorted: ArrayLike<number>, share: number): number | null =>
  sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)] ?? null

export interface Percentiles {
  count: number
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
}

export const percentiles = (values: readonly number[]): Percentiles => {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => quantileOfSorted(sorted, share)
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

export interface Spread {
  median: number
  low: number
  high: number
}

/** Median (the mean of the middle two when even), smallest and largest over rounds. null when there are none. */
export const spreadOf = (values: readonly (number | null)[]): Spread | null => {
  const sorted = values.filter((value): value is number => value !== null).sort((one, other) => one - other)
  const [low, high] = [sorted[0], sorted.at(-1)]
  if (low === undefined || high === undefined) return null
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? low
  return { median: sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? low) + upper) / 2, low, high }
}

/** Of at least one value. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
