import { type Measure, measures } from './measures.ts'
import type { ComparisonResult, Results, Side } from './results.ts'

export const measureOf = (key: string): Measure => {
  const found = measures.find((measure) => measure.key === key)
  if (!found) throw new Error(`no measure ${key}`)
  return found
}

/** A number as a person reads it: three figures, thousands apart. */
export const formatNumber = (value: number): string => {
  if (value === 0) return '0'
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
  return Number(value.toFixed(digits)).toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** With its unit: `12.3 ms`, `4.1 s`, `98.2 %`. */
export const formatValue = (value: number | null, unit: Measure['unit']): string => {
  if (value === null) return 'not measured'
  if (unit === 'ms') return formatMs(value)
  if (unit === '%') return formatPercent(value)
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`
}

/** 100 % and 0 % only when it is all or none. */
const formatPercent = (value: number): string => {
  if (value === 100 || value === 0) return `${value} %`
  return `${Math.max(0.01, Math.min(value, 99.99)).toFixed(value > 99.9 || value < 0.1 ? 2 : 1)} %`
}

export const formatMs = (ms: number): string =>
  ms >= 1_000 ? `${formatNumber(ms / 1_000)} s` : `${formatNumber(ms)} ms`

/** As `tableValue`, in words. */
export const shown = (side: Side, measure: Measure): string => {
  const value = tableValue(side, measure)
  return value === null && measure.missing !== undefined ? measure.missing : formatValue(value, measure.unit)
}

/** What the table shows for one side: the median over rounds, or for mishaps the sum. */
export const tableValue = (side: Side, measure: Measure): number | null => {
  if (!measure.sum) return side.spreads[measure.key]?.median ?? null
  const values = side.legs.map(({ figures }) => figures[measure.key] ?? null)
  return values.length === 0 || values.includes(null)
    ? null
    : values.reduce((sum: number, one) => sum + (one ?? 0), 0)
}

const percentOf = (ratio: number): string =>
  ratio >= 3
    ? `${formatNumber(ratio)} times`
    : `${formatNumber(Math.round(Math.abs(ratio - 1) * 1_000) / 10)} %`

/** `38 % lower (31 % to 44 %)`, `5 points higher (3 to 7)`, or `no difference shown`; in brackets the 99 % interval. */
export const comparisonWords = (comparison: ComparisonResult | undefined): string => {
  if (comparison === undefined) return ''
  const { verdict, effect, interval, scale } = comparison
  if (verdict === 'no difference shown' || effect === null || interval === null) return 'no difference shown'
  const [low, high] = verdict === 'lower' ? [interval[1], interval[0]] : interval
  if (scale === 'points') {
    const points = (value: number) => formatNumber(Math.abs(value))
    return `${points(effect)} points ${verdict} (${points(low)} to ${points(high)})`
  }
  const how = effect >= 3 ? `${percentOf(effect)} as high` : `${percentOf(effect)} ${verdict}`
  return `${how} (${bound(low)} to ${bound(high)})`
}

const bound = (ratio: number): string => (ratio >= 3 ? `${formatNumber(ratio)}×` : percentOf(ratio))

export const comparisonOf = (results: Results, second: Side, measure: string): ComparisonResult | undefined =>
  results.comparisons.find((one) => one.second === second.key && one.measure === measure)
