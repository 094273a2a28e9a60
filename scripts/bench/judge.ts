import { type Spread, spreadOf } from '../compare/index.ts'
import type { Claim, Limit, Part, Ran } from './part.ts'
import type { Sample } from './run-parts.ts'

export type Verdict = 'aim reached' | 'reached' | 'short of it'

export interface JudgedClaim {
  what: string
  /** A ratio to the best of the others or to a bound, round by round; the figure itself where there is neither. */
  isRatio: boolean
  unit: string
  measured: Spread
  must: Limit
  aim?: Limit
  verdict: Verdict
}

export interface SideFigures {
  key: string
  name: string
  figures: Readonly<Record<string, Spread>>
  /** CPU seconds for as many as the part tells them for. */
  cpu: Readonly<Record<'node' | 'postgres' | 'broker', Spread | null>>
  memoryMb: Spread | null
}

export interface Judged {
  part: string
  question: string
  per: Part['per']
  figures: Part['figures']
  sides: readonly SideFigures[]
  claims: readonly JudgedClaim[]
}

const keeps = (value: number, limit: Limit) =>
  'atLeast' in limit ? value >= limit.atLeast : value <= limit.atMost

/** Medians with their spread, and whether they are what they must be. A claim about a side that did not run is left out. */
export const judge = (part: Part, samples: readonly Sample[]): Judged => {
  const own = samples.filter((sample) => sample.part === part.name)
  const ranIn =
    (round: number): Ran =>
    (name, side) =>
      samples.find((it) => it.part === name && it.side === side && it.round === round)
  const rounds = [...new Set(own.map(({ round }) => round))]

  const isRatio = ({ against, bound }: Claim) => against !== undefined || bound !== undefined
  /** What the figure is held against; nothing when none of it ran. */
  const othersOf = ({ against = [], bound, figure }: Claim, ran: Ran): number[] =>
    [...against.map((side) => ran(part.name, side)?.outcome.figures[figure]), bound?.(ran)].filter(
      (other) => other !== undefined,
    )
  const inRound = (claim: Claim, round: number): number | null => {
    const ran = ranIn(round)
    const ours = ran(part.name, claim.of)?.outcome.figures[claim.figure]
    if (ours === undefined || !isRatio(claim)) return ours ?? null
    const others = othersOf(claim, ran)
    if (others.length === 0) return null
    return ours / ('atLeast' in claim.must ? Math.max(...others) : Math.min(...others))
  }
  const judged = (claim: Claim): JudgedClaim[] => {
    const measured = spreadOf(rounds.map((round) => inRound(claim, round)))
    if (measured === null) return []
    const { what, must, aim, figure } = claim
    const unit = isRatio(claim) ? 'x' : (part.figures[figure]?.unit ?? '')
    const verdict = !keeps(measured.median, must)
      ? 'short of it'
      : aim !== undefined && keeps(measured.median, aim)
        ? 'aim reached'
        : 'reached'
    return [
      { what, isRatio: isRatio(claim), unit, measured, must, ...(aim === undefined ? {} : { aim }), verdict },
    ]
  }

  return {
    part: part.name,
    question: part.question,
    per: part.per,
    figures: part.figures,
    sides: part.sides.flatMap((side) => {
      const runs = own.filter((sample) => sample.side === side.key)
      return runs.length === 0 ? [] : [figuresOf(part, side, runs)]
    }),
    claims: part.claims.flatMap(judged),
  }
}

const figuresOf = (
  part: Part,
  { key, name }: { key: string; name: string },
  runs: readonly Sample[],
): SideFigures => {
  const cpuOf = (server: 'node' | 'postgres' | 'broker') =>
    spreadOf(
      runs.map(({ cost }) => {
        const seconds = cost?.cpu[server]
        return cost === undefined || seconds === undefined ? null : (seconds / cost.count) * part.per.count
      }),
    )
  const figures = Object.keys(part.figures).flatMap((figure) => {
    const spread = spreadOf(runs.map(({ outcome }) => outcome.figures[figure] ?? null))
    return spread === null ? [] : [[figure, spread] as const]
  })
  return {
    key,
    name,
    figures: Object.fromEntries(figures),
    cpu: { node: cpuOf('node'), postgres: cpuOf('postgres'), broker: cpuOf('broker') },
    memoryMb: spreadOf(runs.map(({ cost }) => cost?.memoryMb ?? null)),
  }
}
