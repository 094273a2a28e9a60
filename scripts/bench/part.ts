import type { Cost } from './cost.ts'
import type { Scene } from './scene.ts'

/** What one run of one side came to. */
export interface Outcome {
  /** By the keys that the part declares. */
  figures: Readonly<Record<string, number>>
  /** The values behind them, kept with the raw samples. */
  raw?: Readonly<Record<string, readonly number[]>>
}

/** What one run of one side came to, and what it cost. */
export interface SideAnswer {
  outcome: Outcome
  cost: Cost | undefined
}

/** One of those that do the same work. It runs in a process of its own, once a round. */
export interface Side {
  key: string
  name: string
  /** A `bound` is what the parts below allow; a `rival` is a package of scripts/bench/peers, and runs with --peers only. */
  kind: 'bound' | 'ours' | 'rival'
  run(scene: Scene): Promise<Outcome>
}

export type Limit = { atLeast: number } | { atMost: number }

/** What any side of any part came to in the round that is judged; undefined when it did not run. */
export type Ran = (part: string, side: string) => SideAnswer | undefined

/** What a figure of one side must come to: as a ratio to the best of some others in the same round, or to a bound, or alone. */
export interface Claim {
  what: string
  figure: string
  of: string
  against?: readonly string[]
  /** What other parts allow, by what they came to in the same round; undefined when one of them did not run. */
  bound?: (ran: Ran) => number | undefined
  must: Limit
  aim?: Limit
}

/** One question, put to several sides in the same run. */
export interface Part {
  name: string
  question: string
  /** It takes long, or much disk: not part of a run that names none. */
  onlyNamed?: boolean
  /** Rounds at most; as many as are asked for when not said. */
  mostRounds?: number
  /** What a run of a side may take at most, filling its tables included, before it is ended as one that failed; 10 when not said. */
  mostMinutes?: number
  figures: Readonly<Record<string, { label: string; unit: string }>>
  /** CPU seconds are told for so many of these. */
  per: { count: number; what: string }
  sides: readonly Side[]
  claims: readonly Claim[]
}
