import { setTimeout as pause } from 'node:timers/promises'
import { describe, Unavailable } from '../../shared/failure/index.ts'
import { type BrokerView, viewBroker } from './broker-view.ts'
import { type Code, codes, entryOf, type Invariant } from './catalogue.ts'
import { createFinder, type Find, type Finding, keyOf } from './finding.ts'
import { type PassResult, pass } from './pass.ts'
import { type DatabaseUrls, databaseUrlsOf, withSnapshots } from './snapshot.ts'
import { type Sums, sumsOf } from './sums.ts'
import type { Limits } from './verdict.ts'

export interface AuditOptions {
  postgresUrl: string
  /** Prefix of database and broker names; empty for none. */
  namespace: string
  /** Without it dead-letter queues are not read, and what waits in queues counts as not handled. */
  amqpUrl?: string | undefined
  /** Throw when the broker is not there, instead of saying so in `notices`. */
  brokerRequired?: boolean | undefined
  /** How long work may be under way before it counts as left behind; 5 000 ms when not said. */
  graceMs?: number | undefined
  /** ORDER_DEADLINE_MS of the system; 60 000 when not said. */
  deadlineMs?: number | undefined
  /** OUTBOX_RETENTION_HOURS of the system; 168 when not said. */
  retentionHours?: number | undefined
  /** Only this order. */
  orderId?: string | undefined
  /** Findings kept of each code; 1 000 when not said. */
  most?: number | undefined
  /** Pause before suspicious orders are looked at again; 1 000 ms when not said. */
  recheckMs?: number | undefined
  /** Other databases than the namespace's on `postgresUrl`. */
  databaseUrls?: DatabaseUrls | undefined
}

export interface AuditReport {
  /** When it began. */
  at: string
  tookMs: number
  clean: boolean
  orders: { PROCESSING: number; SUCCESS: number; FAILED: number }
  /** Settled for longer than the grace, and so judged across services. */
  settled: number
  /** Absent when only one order was looked at. */
  sums?: Sums
  checks: { code: Code; invariant: Invariant; title: string; findings: number }[]
  /** Findings by code, at least; only codes that were found. */
  counts: Partial<Record<Code, number>>
  findings: Finding[]
  /** Whether there are more findings than are listed. */
  truncated: boolean
  /** Whether dead-letter queues were read; when not, nothing is known of I14. */
  brokerRead: boolean
  /** What was not looked at, and why. */
  notices: string[]
}

const hour = 3_600_000

/**
 * Checks I1 to I17 of docs/audit.md. Reads only, and dead letters are put back. What may be work in flight is looked at again
 * after a pause, and reported only if it is still so. Throws Refused (no such databases) and Unavailable.
 */
export const audit = async (options: AuditOptions): Promise<AuditReport> => {
  const began = Date.now()
  const {
    namespace,
    graceMs = 5_000,
    deadlineMs = 60_000,
    retentionHours = 168,
    most = 1_000,
    orderId,
  } = options
  const limits: Limits = { graceMs, deadlineMs, retentionMs: retentionHours * hour }
  const urls = options.databaseUrls ?? databaseUrlsOf(options.postgresUrl, namespace)
  const find = createFinder(namespace)
  const notices: string[] = []
  let brokerRead = true
  const look = async (only: readonly string[] | undefined) =>
    withSnapshots(urls, async (snapshots) => {
      const broker = await brokerOf(options, most, notices)
      brokerRead &&= broker !== undefined
      return pass(snapshots, { limits, find, most, only, broker })
    })

  const first = await look(orderId === undefined ? undefined : [orderId.toLowerCase()])
  const suspects = suspectsOf(first)
  let again: PassResult | undefined
  if (suspects.length > 0) {
    await pause(options.recheckMs ?? 1_000)
    again = await look(suspects)
  }
  return { ...reportOf(first, again, { began, find }), brokerRead, notices }
}

const brokerOf = async (
  { amqpUrl, namespace, brokerRequired }: AuditOptions,
  most: number,
  notices: string[],
): Promise<BrokerView | undefined> => {
  if (amqpUrl === undefined) return undefined
  const say = (notice: string) => {
    if (!notices.includes(notice)) notices.push(notice)
  }
  try {
    const view = await viewBroker(amqpUrl, namespace, most)
    const absent = Object.entries(view.depths).filter(([, depth]) => depth === undefined)
    if (absent.length > 0)
      say(`The broker has no event queue of ${absent.map(([service]) => service).join(', ')}.`)
    return view
  } catch (error) {
    if (brokerRequired || !(error instanceof Unavailable)) throw error
    say(`The broker was not looked at, so dead letters are not seen: ${describe(error)}`)
    return undefined
  }
}

const inMotion = ({ code, orderId }: Finding) => entryOf(code).again === true && orderId !== undefined

const suspectsOf = ({ sink }: PassResult): string[] => [
  ...new Set(sink.findings.filter(inMotion).flatMap(({ orderId }) => orderId ?? [])),
]

const reportOf = (
  { sink, tally, accounts }: PassResult,
  again: PassResult | undefined,
  { began, find }: { began: number; find: Find },
): Omit<AuditReport, 'brokerRead' | 'notices'> => {
  const still = new Set(again?.sink.findings.map(keyOf))
  const findings = sink.findings.filter((finding) => !inMotion(finding) || still.has(keyOf(finding)))
  const sums = accounts && sumsOf(accounts, tally)
  if (sums !== undefined) findings.push(...unexplained(sums, findings, find))
  const counts: Partial<Record<Code, number>> = {}
  for (const { code } of findings) counts[code] = (counts[code] ?? 0) + 1
  let truncated = false
  for (const [code, all] of sink.counts) {
    const listed = sink.findings.filter((it) => it.code === code).length
    if (all > listed && counts[code] !== undefined) {
      counts[code] = (counts[code] ?? 0) + all - listed
      truncated = true
    }
  }
  return {
    at: new Date(began).toISOString(),
    tookMs: Date.now() - began,
    clean: findings.length === 0,
    orders: tally.orders,
    settled: tally.settled,
    ...(sums && { sums }),
    checks: codes.map((code) => {
      const { invariant, title } = entryOf(code)
      return { code, invariant, title, findings: counts[code] ?? 0 }
    }),
    counts,
    findings,
    truncated,
  }
}

const perOrder: readonly Invariant[] = ['I1', 'I2', 'I3', 'I4', 'I5', 'I9']

/** The sums follow from what is checked one by one; that they do is checked where nothing else was found. */
const unexplained = ({ money, stock }: Sums, findings: readonly Finding[], find: Find): Finding[] => {
  if (findings.some(({ code, invariant }) => perOrder.includes(invariant) || code === 'order.missing'))
    return []
  return [
    ...(money.difference === '0'
      ? []
      : [
          find(
            'money.total_mismatch',
            'user',
            {},
            `${money.taken} were taken, SUCCESS orders total ${money.successful}.`,
          ),
        ]),
    ...(stock.difference === '0'
      ? []
      : [
          find(
            'stock.total_mismatch',
            'product',
            {},
            `${stock.taken} pieces were taken, SUCCESS orders have ${stock.successful}.`,
          ),
        ]),
  ]
}
