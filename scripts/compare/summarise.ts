import { comparedMeasures, figuresOf, type Measure, measures } from './measures.ts'
import { compareRatios } from './ratios.ts'
import type { ComparisonResult, Leg, LegFigures, Results, Settings, Side, Sustained } from './results.ts'
import { isAccepted, type Sample, settleTimeMs } from './samples.ts'
import { compareShares } from './shares.ts'
import { quantile, spreadOf } from './statistics.ts'

export interface LegRecord {
  leg: Leg
  samples: Sample[]
}

/** Makes everything that is shown from what was recorded. Pure: the same records give the same results. */
export const summarise = (input: {
  settings: Settings
  machine: Results['machine']
  legs: readonly LegRecord[]
  sustained: Sustained[]
}): Results => {
  const { settings, legs } = input
  const shownMs = shownMsOf(settings, legs)
  const sides = settings.sides.map((side) =>
    sideOf(
      side,
      shownMs,
      legs.filter((one) => one.leg.side === side.key),
    ),
  )
  return {
    settings,
    machine: input.machine,
    startedAt: legs.map(({ leg }) => leg.startedAt).sort()[0] ?? '',
    sides,
    comparisons: comparisonsOf(sides, settings),
    sustained: input.sustained,
    warnings: warningsOf(settings, legs),
  }
}

const sideOf = (side: Settings['sides'][number], shownMs: number, records: readonly LegRecord[]): Side => {
  const legs = records.map(({ leg, samples }) => ({
    leg,
    figures: figuresOf(samples, leg),
    notAccepted: notAcceptedOf(samples),
  }))
  const roundsOf = (key: string) => legs.map(({ figures }) => figures[key] ?? null)
  return {
    ...side,
    legs,
    spreads: Object.fromEntries(measures.map(({ key }) => [key, spreadOf(roundsOf(key))])),
    settleCurve: settleCurveOf(records.flatMap(({ samples }) => samples)),
    timeline: timelineOf(records, shownMs),
  }
}

const notAcceptedOf = (samples: readonly Sample[]): LegFigures['notAccepted'] => {
  const counts: Record<string, number> = {}
  for (const sample of samples) {
    if (isAccepted(sample)) continue
    const kind = sample.error ?? String(sample.status)
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

const curvePoints = 200

/** At most 200 points of the distribution; it ends below 1 when some orders never settled. */
const settleCurveOf = (samples: readonly Sample[]): [number, number][] => {
  const times = samples.map(settleTimeMs).filter((time) => time !== null)
  times.sort((one, other) => one - other)
  const points = Math.min(curvePoints, times.length)
  return Array.from({ length: points }, (_, point): [number, number] => {
    const rank = Math.ceil(((point + 1) / points) * times.length)
    return [round(times[rank - 1] ?? 0), rank / samples.length]
  })
}

const round = (value: number) => Math.round(value * 1_000) / 1_000

const timelineBins = 60
const shortestBinMs = 250
/** How much longer than the workload the picture goes on, at least and at most, so that late settling is seen. */
const afterglow = { least: 1.25, most: 2.5 }

/** Until the last order of both sides settled. */
const shownMsOf = ({ orders, rate }: Settings, records: readonly LegRecord[]): number => {
  const durationMs = (orders / rate) * 1_000
  let lastMs = durationMs * afterglow.least
  for (const { samples } of records)
    for (const { settledMs } of samples) lastMs = Math.max(lastMs, settledMs ?? 0)
  return Math.min(lastMs, durationMs * afterglow.most)
}

const timelineOf = (records: readonly LegRecord[], shownMs: number): Side['timeline'] => {
  const binMs = Math.max(shortestBinMs, Math.ceil(shownMs / timelineBins / 50) * 50)
  const bins = Math.ceil(shownMs / binMs)
  const perRound = records.map(({ samples }) => binsOf(samples, binMs, bins))
  const over = (pick: (one: ReturnType<typeof binsOf>) => (number | null)[]) =>
    Array.from({ length: bins }, (_, bin) => {
      const median = spreadOf(perRound.map((one) => pick(one)[bin] ?? null))?.median
      return median === undefined ? null : round(median)
    })
  return {
    binMs,
    settledPerSecond: over((one) => one.settledPerSecond),
    settleMedianMs: over((one) => one.settleMedianMs),
  }
}

/** Throughput by the moment of settling; settle time by the moment the order was meant to be sent. */
const binsOf = (samples: readonly Sample[], binMs: number, bins: number) => {
  const settled = new Array<number>(bins).fill(0)
  const times = Array.from({ length: bins }, (): number[] => [])
  for (const sample of samples) {
    const time = settleTimeMs(sample)
    if (time === null) continue
    const endBin = Math.floor((sample.settledMs ?? 0) / binMs)
    if (endBin >= 0 && endBin < bins) settled[endBin] = (settled[endBin] ?? 0) + 1
    times[Math.floor(sample.intendedMs / binMs)]?.push(time)
  }
  return {
    settledPerSecond: settled.map((count) => count / (binMs / 1_000)),
    settleMedianMs: times.map((list) => quantile(list, 0.5)),
  }
}

/** Each other side against the first. */
const comparisonsOf = (sides: readonly Side[], { orders, seed }: Settings): ComparisonResult[] => {
  const [first, ...others] = sides
  if (first === undefined) return []
  const figure = (side: Side, round: number, key: string) =>
    side.legs.find(({ leg }) => leg.round === round)?.figures[key] ?? null
  const rounds = first.legs.map(({ leg }) => leg.round)
  const compare = (second: Side, { key, unit }: Measure) => {
    const figures = (side: Side) => rounds.map((round) => figure(side, round, key))
    const [one, other] = [figures(first), figures(second)]
    return unit === '%' ? compareShares(one, other, { orders, seed }) : compareRatios(one, other, seed)
  }
  return others.flatMap((second) =>
    comparedMeasures.map((measure) => ({
      measure: measure.key,
      first: first.key,
      second: second.key,
      ...compare(second, measure),
    })),
  )
}

const roundsForAClaim = 4
/** Others may use this share of the machine before the reader is told. */
const quietShare = 0.1

const warningsOf = (settings: Settings, legs: readonly LegRecord[]): string[] => {
  const name = ({ leg }: LegRecord) =>
    `round ${leg.round}, ${settings.sides.find(({ key }) => key === leg.side)?.name ?? leg.side}`
  const listed = (which: readonly LegRecord[]) => which.map(name).join('; ')
  const lagging = legs.filter(({ leg }) => leg.driver.lagging)
  const restless = legs.filter(({ leg }) => !leg.rest.reached)
  const disturbed = legs.filter(({ leg }) => leg.othersCpuShare > quietShare)
  const unaudited = legs.filter(({ leg }) => leg.findings === null)
  const planned = settings.rounds * settings.sides.length
  return [
    ...(legs.length < planned
      ? [`Only ${legs.length} of ${planned} legs were run; --resume does the rest.`]
      : []),
    ...(settings.rounds < roundsForAClaim
      ? [
          `${settings.rounds === 1 ? 'One round is' : `${settings.rounds} rounds are`} too few to tell a difference from chance; use ${roundsForAClaim} or more.`,
        ]
      : []),
    ...(lagging.length > 0
      ? [`The load driver itself fell behind, so these figures are not to be trusted: ${listed(lagging)}.`]
      : []),
    ...(disturbed.length > 0
      ? [
          `Other programs used more than a tenth of the machine; run it on a quiet one. It was so in ${listed(disturbed)}.`,
        ]
      : []),
    ...(restless.length > 0 ? [`Not everything came to rest before the audit: ${listed(restless)}.`] : []),
    ...(unaudited.length > 0 ? [`No audit was run: ${listed(unaudited)}.`] : []),
  ]
}
