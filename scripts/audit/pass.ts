import { events } from '../../shared/contracts/index.ts'
import { type Accounts, auditAccounts } from './accounts.ts'
import type { BrokerView } from './broker-view.ts'
import { type Code, entryOf } from './catalogue.ts'
import { deliveriesOf, matchDeliveries, type Unmatched } from './deliveries.ts'
import { type Delivery, eventsOfOrders, handledBy, selectEvents } from './event-rows.ts'
import { among, type Only } from './facts.ts'
import { createSink, type Find, type Finding, type Sink } from './finding.ts'
import { auditOrders, type Tally } from './orders.ts'
import { auditOutboxes, type OutboxRules } from './outbox-rules.ts'
import { type Progress, readProgress } from './progress.ts'
import type { Snapshots } from './snapshot.ts'
import type { Limits, Unanswered } from './verdict.ts'

export interface PassOptions {
  limits: Limits
  find: Find
  /** Findings kept of each code. */
  most: number
  /** Only these orders; then users, products and totals are left out. */
  only: Only
  broker: BrokerView | undefined
}

export interface PassResult {
  sink: Sink
  tally: Tally
  accounts: Accounts | undefined
}

/** One look at everything, on one snapshot of each database. */
export const pass = async (snapshots: Snapshots, options: PassOptions): Promise<PassResult> => {
  const { limits, find, most, only, broker } = options
  // One more than is kept, so that a list that is cut short is seen to be.
  const wide = { ...options, most: most + 1 }
  const sink = createSink(most)
  const accounts = only === undefined ? await auditAccounts(snapshots, find, sink) : undefined
  const progress = await readProgress(snapshots, broker, limits)

  const raw = createSink(most)
  const { tally, unanswered } = await auditOrders(snapshots, limits, wide, find, raw)
  raw.add(...(await handledCauses(snapshots, unanswered)))
  const underWay = await ordersUnderWay(snapshots, raw.findings, progress)
  sink.add(
    ...raw.findings.filter(({ code, orderId }) => !(entryOf(code).again && underWay.has(orderId ?? ''))),
  )
  sink.more(raw)

  const rules = await auditOutboxes(snapshots, limits, wide, find)
  sink.add(...rules.findings, ...unpublished(rules, progress, find))
  const { open, unmatched } = await openDeliveries(snapshots, wide)
  sink.add(...unhandled(open, rules, progress, broker, find))
  sink.add(...(await unknownEvents(snapshots, unmatched, sink, find)))
  sink.add(...deadLetters(broker, only, find))
  return { sink, tally, accounts }
}

/** The open questions whose cause was handled: these are findings. */
const handledCauses = async (snapshots: Snapshots, unanswered: readonly Unanswered[]): Promise<Finding[]> => {
  const found: Finding[] = []
  for (const [cause, listener] of [
    ['OrderPlaced', 'product'],
    ['StockReserved', 'user'],
  ] as const) {
    const open = new Map(unanswered.filter((it) => it.cause === cause).map((it) => [it.orderId, it.finding]))
    if (open.size === 0) continue
    const where = `type = '${cause}' and ${among('aggregate_id', [...open.keys()])}`
    const causes = await selectEvents(snapshots, events[cause].by, where)
    const handled = await handledBy(
      snapshots[listener],
      listener,
      causes.map(({ eventId }) => eventId),
    )
    found.push(
      ...causes.flatMap(({ eventId, orderId }) => (handled.has(eventId) ? (open.get(orderId) ?? []) : [])),
    )
  }
  return found
}

/** The orders among these findings for which an event is still on its way: they are not at rest yet. */
const ordersUnderWay = async (
  snapshots: Snapshots,
  findings: readonly Finding[],
  progress: Progress,
): Promise<ReadonlySet<string>> => {
  const suspects = findings.flatMap(({ code, orderId }) => (entryOf(code).again && orderId ? [orderId] : []))
  const { events: all, open } = await eventsOfOrders(snapshots, [...new Set(suspects)])
  return new Set([
    ...all
      .filter((it) => it.publishedAgeMs === null && progress.willPublish(it))
      .map(({ orderId }) => orderId),
    ...open.filter((it) => progress.mayArrive(it)).map(({ event }) => event.orderId),
  ])
}

const seconds = (ms: number | null) => Math.round((ms ?? 0) / 1_000)

const unpublished = ({ waiting, overtaken }: OutboxRules, progress: Progress, find: Find): Finding[] =>
  waiting.flatMap((event) => {
    const { service, orderId, eventId, type, createdAgeMs, attempts, lastError } = event
    const report = (code: Code, what: string) => [find(code, service, { orderId, eventId }, what)]
    if (overtaken.has(eventId))
      return report('event.overtaken', `${type} is not published, and a later event of its order is.`)
    if (progress.willPublish(event)) return []
    const tried = attempts > 0 ? ` after ${attempts} attempts: ${lastError}` : ''
    return report('event.unpublished', `${type} waits for ${seconds(createdAgeMs)} s${tried}.`)
  })

const openDeliveries = async (
  snapshots: Snapshots,
  { limits, most, only }: PassOptions,
): Promise<{ open: Delivery[]; unmatched: readonly Unmatched[] }> => {
  if (only !== undefined) {
    const { open } = await eventsOfOrders(snapshots, only)
    const longEnough = ({ event: { publishedAgeMs } }: Delivery) =>
      publishedAgeMs !== null && publishedAgeMs > limits.graceMs && publishedAgeMs < 2 * limits.retentionMs
    return { open: open.filter(longEnough), unmatched: [] }
  }
  const unmatched = await matchDeliveries(snapshots, limits, most)
  const open: Delivery[] = []
  for (const it of unmatched) open.push(...(await deliveriesOf(snapshots, it)))
  return { open, unmatched }
}

const unhandled = (
  open: readonly Delivery[],
  { unrecorded }: OutboxRules,
  progress: Progress,
  broker: BrokerView | undefined,
  find: Find,
): Finding[] => {
  const dead = new Set(broker?.dead.map(({ of, eventId }) => `${of} ${eventId}`))
  return open.flatMap((delivery) => {
    const { event, to } = delivery
    const key = `${to} ${event.eventId}`
    if (dead.has(key) || unrecorded.has(key) || progress.mayArrive(delivery)) return []
    const { service, orderId, eventId, type, publishedAgeMs } = event
    const what = `${service} published ${type} ${seconds(publishedAgeMs)} s ago, and ${to} has not handled it.`
    return [find('event.unhandled', to, { orderId, eventId }, what)]
  })
}

/** Handled and never said. Where the order's outbox row is known to be missing, that is the finding. */
const unknownEvents = async (
  snapshots: Snapshots,
  unmatched: readonly Unmatched[],
  sink: Sink,
  find: Find,
): Promise<Finding[]> => {
  const missing = new Set(
    sink.findings.filter(({ code }) => code === 'outbox.missing').map(({ orderId }) => orderId),
  )
  const found: Finding[] = []
  for (const { to, unknown } of unmatched) {
    if (unknown.length === 0) continue
    const { rows } = await snapshots[to].client.query<{ cause: string; orderId: string }>(
      `select headers ->> 'cloudEvents:causationid' as cause, aggregate_id::text as "orderId" from outbox
       where headers ->> 'cloudEvents:causationid' = any($1)`,
      [unknown],
    )
    const orders = new Map(rows.map(({ cause, orderId }) => [cause, orderId]))
    for (const eventId of unknown) {
      const orderId = orders.get(eventId)
      if (orderId !== undefined && missing.has(orderId)) continue
      const subject = orderId === undefined ? { eventId } : { orderId, eventId }
      found.push(find('event.unknown', to, subject, `${to} handled event ${eventId}, and no outbox has it.`))
    }
  }
  return found
}

const deadLetters = (broker: BrokerView | undefined, only: Only, find: Find): Finding[] =>
  (broker?.dead ?? []).flatMap(({ of, eventId, orderId, type, reason }) => {
    if (only !== undefined && (orderId === undefined || !only.includes(orderId))) return []
    const subject = { ...(orderId && { orderId }), ...(eventId && { eventId }) }
    return [find('event.dead_lettered', of, subject, `${of} gave up on ${type ?? 'a message'}: ${reason}.`)]
  })
