import { z } from 'zod'
import { FaultProfile, targets } from './faults.ts'

const number = z.number()
const maybe = z.number().nullable()
const count = z.int().nonnegative()

/** What `audit` found in one leg, by kind. */
export const Finding = z.strictObject({
  /** The audit's own name of the violation. */
  code: z.string(),
  /** In plain words. */
  what: z.string(),
  count,
  /** A few orders (or other ids) it concerns. */
  examples: z.array(z.string()),
})
export type Finding = z.infer<typeof Finding>

export const FaultWindowSchema = z.strictObject({
  action: z.string(),
  target: z.enum(targets),
  fromMs: number,
  toMs: number,
})

export const DriverHealthSchema = z.strictObject({
  lateP99Ms: number,
  lateMaxMs: number,
  eventLoopP99Ms: number,
  eventLoopMaxMs: number,
  lagging: z.boolean(),
})

/** What one leg used, from after the warm-up until everything was at rest. null: could not be measured. */
export const Usage = z.strictObject({
  cpuSeconds: z.record(z.string(), number).nullable(),
  transactions: maybe,
  walBytes: maybe,
  messages: maybe,
})
export type Usage = z.infer<typeof Usage>

/** What is known of one leg besides its raw samples; stored beside them as leg.json. */
export const Leg = z.strictObject({
  round: z.int().positive(),
  side: z.string(),
  seed: z.string(),
  startedAt: z.string(),
  durationMs: number,
  windows: z.array(FaultWindowSchema),
  driver: DriverHealthSchema,
  clockOffsetMs: number,
  /** How long after the last answer everything was at rest; `reached` says whether it ever was. */
  rest: z.strictObject({ reached: z.boolean(), tookMs: number }),
  usage: Usage,
  /** Share of the machine's CPU that other programs used meanwhile, 0 to 1. */
  othersCpuShare: number,
  /** null: no audit was run. */
  findings: z.array(Finding).nullable(),
})
export type Leg = z.infer<typeof Leg>

const Spread = z.strictObject({ median: number, low: number, high: number }).nullable()

const LegFigures = z.strictObject({
  leg: Leg,
  figures: z.record(z.string(), maybe),
  /** Answers and errors by kind, of those orders that were not accepted: `503`, `timeout`, `ECONNREFUSED`. */
  notAccepted: z.record(z.string(), count),
})
export type LegFigures = z.infer<typeof LegFigures>

export const Side = z.strictObject({
  key: z.string(),
  name: z.string(),
  mode: z.enum(['choreography', 'rpc']),
  /** Latency added on purpose to each request, milliseconds. */
  delayMs: number,
  legs: z.array(LegFigures),
  /** Median, lowest and highest round of each figure. */
  spreads: z.record(z.string(), Spread),
  /** Of all rounds: [settle time in ms, share of all orders sent that were settled by then]. */
  settleCurve: z.array(z.tuple([number, number])),
  /** Medians over the rounds, per bin of `binMs`. */
  timeline: z.strictObject({
    binMs: number,
    settledPerSecond: z.array(maybe),
    settleMedianMs: z.array(maybe),
  }),
})
export type Side = z.infer<typeof Side>

export const ComparisonSchema = z.strictObject({
  measure: z.string(),
  first: z.string(),
  second: z.string(),
  verdict: z.enum(['lower', 'higher', 'no difference shown']),
  scale: z.enum(['ratio', 'points']),
  effect: maybe,
  interval: z.tuple([number, number]).nullable(),
  signFlip: maybe,
  rounds: count,
})
export type ComparisonResult = z.infer<typeof ComparisonSchema>

export const SustainStep = z.strictObject({
  rate: number,
  settleP99Ms: maybe,
  acceptedShare: number,
  held: z.boolean(),
})

export const Sustained = z.strictObject({
  side: z.string(),
  /** Orders per second; null when not even the first step was held. */
  rate: maybe,
  steps: z.array(SustainStep),
})
export type Sustained = z.infer<typeof Sustained>

export const Machine = z.strictObject({
  cpu: z.string(),
  cores: count,
  memoryGb: number,
  system: z.string(),
  node: z.string(),
  postgres: z.string(),
  rabbitmq: z.string(),
})

/** What was asked for; enough to do it again. Stored as settings.json when a run begins, so that it can be resumed. */
export const Settings = z.strictObject({
  version: z.literal(1),
  kind: z.enum(['modes', 'self-check']),
  /** As typed. */
  command: z.string(),
  project: z.string(),
  seed: z.string(),
  orders: count,
  rate: number,
  rounds: count,
  users: count,
  products: count,
  skew: number,
  doomedByStock: number,
  doomedByMoney: number,
  warmUpOrders: count,
  deadlineMs: number,
  clientTimeoutMs: number,
  fault: FaultProfile,
  sides: z.array(Side.pick({ key: true, name: true, mode: true, delayMs: true })),
})
export type Settings = z.infer<typeof Settings>

/** Everything the terminal, the JSON and the report show; made from raw samples by `summarise`. */
export const Results = z.strictObject({
  settings: Settings,
  machine: Machine,
  startedAt: z.string(),
  sides: z.array(Side),
  comparisons: z.array(ComparisonSchema),
  sustained: z.array(Sustained),
  /** What the reader must know before believing the figures. */
  warnings: z.array(z.string()),
})
export type Results = z.infer<typeof Results>
