import { type FaultProfile, faultProfiles, windowOf } from '../faults.ts'
import { createRandom } from '../random.ts'
import type { Leg, Results, Settings } from '../results.ts'
import type { Sample } from '../samples.ts'
import { type LegRecord, summarise } from '../summarise.ts'
import { planDurationMs, planWorkload } from '../workload.ts'

/** A fixture for tests: nothing in here was measured. Samples are drawn at random and then summarised as real ones are. */
export interface MadeUp {
  orders?: number
  rounds?: number
  fault?: string
  kind?: Settings['kind']
  /** Median settle time of each side, milliseconds. */
  settleMs?: number[]
  /** Orders of each side that are left with money taken, in each round. */
  damage?: number[]
}

export const madeUpSettings = (made: MadeUp = {}): Settings => {
  const { orders = 600, rounds = 4, fault = 'none', kind = 'modes' } = made
  const profile = faultProfiles.find(({ name }) => name === fault) as FaultProfile
  const side = (key: string, name: string, mode: 'choreography' | 'rpc', delayMs = 0) => ({
    key,
    name,
    mode,
    delayMs,
  })
  const sides =
    kind === 'modes'
      ? [side('choreography', 'choreography', 'choreography'), side('rpc', 'RPC', 'rpc')]
      : [
          side('a', 'choreography', 'choreography'),
          side('b', 'choreography again', 'choreography'),
          side('slowed', 'choreography slowed by 20 %', 'choreography', 4),
        ]
  return {
    version: 1,
    kind,
    command: `npm run compare -- --orders ${orders} --rate 40 --rounds ${rounds} --seed made-up --fault ${fault}`,
    project: 'outbox-saga 0.0.0 (made-up figures)',
    ...{ seed: 'made-up', orders, rate: 40, rounds, users: 100, products: 50, skew: 1 },
    ...{
      doomedByStock: 0.1,
      doomedByMoney: 0.1,
      warmUpOrders: 100,
      deadlineMs: 15_000,
      clientTimeoutMs: 10_000,
    },
    fault: profile,
    sides,
  }
}

export const madeUpLegs = (settings: Settings, made: MadeUp = {}): LegRecord[] =>
  Array.from({ length: settings.rounds }, (_, index) => index + 1).flatMap((round) =>
    settings.sides.map((side, index) => madeUpLeg(settings, made, round, side.key, index)),
  )

export const madeUpResults = (made: MadeUp = {}): Results => {
  const settings = madeUpSettings(made)
  return summarise({
    settings,
    machine: {
      ...{
        cpu: 'Made-up CPU',
        cores: 2,
        memoryGb: 8,
        system: 'Linux',
        node: '20',
        postgres: '15',
        rabbitmq: '3.10',
      },
    },
    legs: madeUpLegs(settings, made),
    sustained: [],
  })
}

const madeUpLeg = (
  settings: Settings,
  made: MadeUp,
  round: number,
  side: string,
  index: number,
): LegRecord => {
  const { settleMs = [22, 12, 22], damage = [0, 3, 0] } = made
  const seed = `${settings.seed}/round-${round}`
  const plan = planWorkload({ ...settings, seed })
  const random = createRandom(`${seed}/${side}`)
  const durationMs = planDurationMs(plan)
  const windows = settings.fault.steps.map((step) => {
    const { fromMs, forMs } = windowOf(step, durationMs)
    return {
      action: step.action,
      target: step.target,
      fromMs: Math.round(fromMs),
      toMs: Math.round(fromMs + forMs),
    }
  })
  const waits = index === 0
  const samples = plan.orders.map(({ atMs, doomed = null }, i): Sample => {
    const hit = windows.find(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs)
    const tookMs = (settleMs[index] ?? 20) * Math.exp(0.35 * random.normal()) * (1 + 0.02 * random.normal())
    const base = { i, doomed, intendedMs: atMs, sentMs: atMs + 0.4, orderId: `made-up-${i}` }
    if (hit && !waits) {
      return {
        ...base,
        acceptedMs: atMs + 3,
        status: 503,
        settledMs: null,
        outcome: 'absent',
        reason: null,
        error: null,
      }
    }
    const settledMs = hit ? hit.toMs + 400 + 300 * random.next() : atMs + tookMs
    const acceptedMs = waits ? atMs + 4 + 2 * random.next() : settledMs + 1
    const reason = doomed === 'stock' ? 'out_of_stock' : doomed === 'money' ? 'insufficient_balance' : null
    const outcome = doomed === null ? 'SUCCESS' : 'FAILED'
    return { ...base, acceptedMs, status: waits ? 202 : 201, settledMs, outcome, reason, error: null }
  })
  return { leg: legOf(settings, round, side, durationMs, windows, waits, damage[index] ?? 0), samples }
}

const legOf = (
  settings: Settings,
  round: number,
  side: string,
  durationMs: number,
  windows: Leg['windows'],
  waits: boolean,
  damage: number,
): Leg => ({
  ...{ round, side, seed: `${settings.seed}/round-${round}`, durationMs, windows, clockOffsetMs: 0.02 },
  startedAt: new Date(Date.UTC(2026, 0, 1, 12, round)).toISOString(),
  driver: { lateP99Ms: 2.1, lateMaxMs: 6, eventLoopP99Ms: 3.2, eventLoopMaxMs: 9, lagging: false },
  rest: { reached: true, tookMs: 1_300 },
  othersCpuShare: 0.01,
  usage: {
    cpuSeconds: waits
      ? { order: 2.1, product: 1.6, user: 1.4, postgres: 2.2, broker: 1.9 }
      : { order: 1.5, product: 1.2, user: 1, postgres: 1.3, broker: 1.2 },
    transactions: settings.orders * (waits ? 7 : 4),
    walBytes: settings.orders * (waits ? 9_000 : 4_200),
    messages: settings.orders * (waits ? 3.9 : 5.7),
  },
  findings:
    damage === 0
      ? []
      : [{ code: 'money.held', what: 'FAILED and still debited', count: damage, examples: ['made-up-12'] }],
})
