import type { Finding, Leg, Usage } from './results.ts'
import { acceptTimeMs, endedAsPlanned, isAccepted, type Sample, settleTimeMs } from './samples.ts'
import { percentiles } from './statistics.ts'

export interface Measure {
  key: string
  label: string
  /** What a missing figure means, when not that it could not be measured. */
  missing?: string
  unit: 'ms' | '/s' | '%' | 's' | '' | 'kB'
  /** Which is the better one; the words of a verdict come from it. */
  better: 'lower' | 'higher'
  group: 'time' | 'outcome' | 'damage' | 'cost'
  /** Counts of mishaps are added up over rounds; all else is a median. */
  sum?: true
}

/** What is reported of each leg, in this order. */
export const measures: readonly Measure[] = [
  {
    key: 'settleP50',
    label: 'Time to settle, median',
    unit: 'ms',
    better: 'lower',
    group: 'time',
    missing: 'never',
  },
  {
    key: 'settleP95',
    label: 'Time to settle, p95',
    unit: 'ms',
    better: 'lower',
    group: 'time',
    missing: 'never',
  },
  {
    key: 'settleP99',
    label: 'Time to settle, p99',
    unit: 'ms',
    better: 'lower',
    group: 'time',
    missing: 'never',
  },
  { key: 'settleMax', label: 'Longest of those that settled', unit: 'ms', better: 'lower', group: 'time' },
  { key: 'acceptP50', label: 'Time to accept, median', unit: 'ms', better: 'lower', group: 'time' },
  { key: 'acceptP95', label: 'Time to accept, p95', unit: 'ms', better: 'lower', group: 'time' },
  { key: 'acceptP99', label: 'Time to accept, p99', unit: 'ms', better: 'lower', group: 'time' },
  { key: 'acceptMax', label: 'Longest of those accepted', unit: 'ms', better: 'lower', group: 'time' },
  { key: 'settledPerSecond', label: 'Settled per second', unit: '/s', better: 'higher', group: 'time' },
  {
    key: 'asPlanned',
    label: 'Orders that ended as they should',
    unit: '%',
    better: 'higher',
    group: 'outcome',
  },
  { key: 'withinSecond', label: 'Orders settled within 1 s', unit: '%', better: 'higher', group: 'outcome' },
  { key: 'refused', label: 'Client errors', unit: '', better: 'lower', group: 'outcome', sum: true },
  { key: 'timeouts', label: 'Client time-outs', unit: '', better: 'lower', group: 'outcome', sum: true },
  { key: 'lost', label: 'Lost after being accepted', unit: '', better: 'lower', group: 'damage', sum: true },
  {
    key: 'stuck',
    label: 'Accepted and never settled',
    unit: '',
    better: 'lower',
    group: 'damage',
    sum: true,
  },
  {
    key: 'moneyTaken',
    label: 'Money taken for a failed order',
    unit: '',
    better: 'lower',
    group: 'damage',
    sum: true,
  },
  {
    key: 'stockTaken',
    label: 'Stock taken for a failed order',
    unit: '',
    better: 'lower',
    group: 'damage',
    sum: true,
  },
  { key: 'doubled', label: 'Done twice', unit: '', better: 'lower', group: 'damage', sum: true },
  { key: 'otherFindings', label: 'Other findings', unit: '', better: 'lower', group: 'damage', sum: true },
  {
    key: 'cpuServices',
    label: 'CPU of services per 1,000 orders',
    unit: 's',
    better: 'lower',
    group: 'cost',
  },
  { key: 'cpuPostgres', label: 'CPU of PostgreSQL per 1,000', unit: 's', better: 'lower', group: 'cost' },
  { key: 'cpuBroker', label: 'CPU of RabbitMQ per 1,000', unit: 's', better: 'lower', group: 'cost' },
  { key: 'messages', label: 'Messages per order', unit: '', better: 'lower', group: 'cost' },
  { key: 'transactions', label: 'Transactions per order', unit: '', better: 'lower', group: 'cost' },
  { key: 'walKb', label: 'Database log per order', unit: 'kB', better: 'lower', group: 'cost' },
]

/** The measures of which a difference is claimed or not; the first is the one the verdict is about. */
export const comparedMeasures = measures.filter(({ sum, key }) => !sum && !key.endsWith('Max'))

/**
 * A settle time counts every order sent: one that never settled counts as infinitely late, so turning orders away makes nobody faster.
 * null for a percentile that was never reached.
 */
const ended = (ms: number | null): number | null => (ms === Infinity ? null : ms)

/** The figures of one leg, all from its raw samples and leg.json. Keys are those of `measures`. */
export const figuresOf = (samples: readonly Sample[], leg: Leg): Record<string, number | null> => {
  const settle = percentiles(samples.map((sample) => settleTimeMs(sample) ?? Infinity))
  const accept = percentiles(present(samples.map(acceptTimeMs)))
  const share = (holds: (sample: Sample) => boolean) =>
    samples.length === 0 ? null : (100 * samples.filter(holds).length) / samples.length
  const timeouts = samples.filter((sample) => sample.error === 'timeout').length
  return {
    ...{ settleP50: ended(settle.p50), settleP95: ended(settle.p95), settleP99: ended(settle.p99) },
    settleMax: percentiles(present(samples.map(settleTimeMs))).max,
    ...{ acceptP50: accept.p50, acceptP95: accept.p95, acceptP99: accept.p99, acceptMax: accept.max },
    settledPerSecond: settledPerSecond(samples, leg.durationMs),
    asPlanned: share(endedAsPlanned),
    withinSecond: share((sample) => (settleTimeMs(sample) ?? Infinity) <= 1_000),
    refused: samples.filter((sample) => !isAccepted(sample)).length - timeouts,
    timeouts,
    ...damageOf(samples, leg.findings),
    ...costOf(leg.usage, samples.length),
  }
}

const present = (values: readonly (number | null)[]) => values.filter((value) => value !== null)

/** Settled orders over the time from the start until the last one settled, or until the last was sent if that is later. */
const settledPerSecond = (samples: readonly Sample[], durationMs: number): number | null => {
  const ends = present(samples.map((sample) => sample.settledMs))
  if (ends.length === 0) return samples.length === 0 ? null : 0
  const lastMs = ends.reduce((last, end) => Math.max(last, end), durationMs)
  return ends.length / (lastMs / 1_000)
}

/** Which of the audit's codes are which row of the table; all others are counted together. */
const damageRows: Record<string, 'moneyTaken' | 'stockTaken' | 'doubled' | 'shownAsStuck'> = {
  'money.held': 'moneyTaken',
  'stock.held': 'stockTaken',
  'money.double_debit': 'doubled',
  'money.double_refund': 'doubled',
  'stock.double_reserve': 'doubled',
  'stock.double_release': 'doubled',
  'outbox.doubled': 'doubled',
  'inbox.doubled': 'doubled',
  'order.stuck': 'shownAsStuck',
}

const damageOf = (samples: readonly Sample[], findings: readonly Finding[] | null) => {
  const found = { moneyTaken: 0, stockTaken: 0, doubled: 0, otherFindings: 0, shownAsStuck: 0 }
  for (const { code, count } of findings ?? []) found[damageRows[code] ?? 'otherFindings'] += count
  const { shownAsStuck: _, ...rows } = found
  const unknown = { moneyTaken: null, stockTaken: null, doubled: null, otherFindings: null }
  return {
    lost: samples.filter((sample) => isAccepted(sample) && sample.outcome === 'absent').length,
    stuck: samples.filter((sample) => sample.outcome === 'PROCESSING').length,
    ...(findings === null ? unknown : rows),
  }
}

const costOf = ({ cpuSeconds, transactions, walBytes, messages }: Usage, orders: number) => {
  const each = (total: number | null, of = orders) => (total === null || orders === 0 ? null : total / of)
  const cpu = (...names: string[]) =>
    cpuSeconds === null ? null : names.reduce((sum, name) => sum + (cpuSeconds[name] ?? 0), 0)
  return {
    cpuServices: each(cpu('order', 'product', 'user'), orders / 1_000),
    cpuPostgres: each(cpu('postgres'), orders / 1_000),
    cpuBroker: each(cpu('broker'), orders / 1_000),
    messages: each(messages),
    transactions: each(transactions),
    walKb: each(walBytes === null ? null : walBytes / 1_000),
  }
}
