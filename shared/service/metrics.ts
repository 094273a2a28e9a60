import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { DatabaseObserver, Sql } from '../database/index.ts'
import type { Log } from '../log/index.ts'
import type { ConsumerObserver } from '../messaging/index.ts'
import { type OutboxGauges, type RelayObserver, readGauges } from '../outbox/index.ts'

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * What a service measures beside its requests, and what Prometheus' client measures of any process of Node. Names follow Prometheus'
 * conventions: base units, `_total` for counters.
 */
export const createMetrics = () => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = <const L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })

  const published = counter('outbox_published_total', 'Events confirmed by the broker and marked')
  const refused = counter('outbox_retries_total', 'Publishes refused or returned, to be tried again')
  const unknown = counter('outbox_unknown_total', 'Publishes without an answer, done again under the same id')
  const parked = counter('outbox_parked_total', 'Events parked with the later ones of their aggregate')
  const pruned = counter('outbox_pruned_total', 'Published events and inbox rows deleted for their age')
  const relayErrors = counter(
    'outbox_relay_errors_total',
    'What went wrong in the relay, and was tried again',
  )
  const leading = new Gauge({
    name: 'outbox_relay_leading',
    help: '1 while the relay of this process leads',
    registers,
  })
  const duplicates = counter('inbox_duplicates_total', 'Messages skipped because they were handled before')
  const batchSize = new Histogram({
    name: 'consumer_batch_size',
    help: 'Events handled in one transaction',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  })
  const handlerSeconds = new Histogram({
    name: 'consumer_handler_seconds',
    help: 'Time from the start of a batch to its commit',
    buckets: secondsBuckets,
    registers,
  })
  const retried = counter('consumer_retries_total', 'Messages put on the retry ladder')
  const deadLettered = counter('consumer_dead_lettered_total', 'Messages put on the dead-letter queue', [
    'code',
  ])
  const redelivered = counter('consumer_redelivered_total', 'Messages the broker delivered before')
  const resubscribed = counter('consumer_resubscribed_total', 'Subscriptions made again after a loss')

  const transactions = counter('database_transactions_total', 'Transactions, each with all its tries')
  const conflicts = counter('database_retries_total', 'Tries that lost a conflict, and were made again', [
    'code',
  ])

  const served = counter('rpc_served_total', 'RPC requests answered', ['procedure', 'ok'])
  const expired = counter('rpc_expired_total', 'RPC requests dropped because their caller had given up', [
    'procedure',
  ])
  const strays = counter('rpc_stray_replies_total', 'RPC replies nobody waited for: foreign, late or doubled')

  const relay: RelayObserver = {
    published: (count) => published.inc(count),
    retried: () => refused.inc(),
    unknown: () => unknown.inc(),
    parked: (_row, _reason, rows) => parked.inc(rows),
    pruned: (rows) => pruned.inc(rows),
    state: (state) => leading.set(state === 'leading' ? 1 : 0),
    error: () => relayErrors.inc(),
  }
  const consumer: ConsumerObserver = {
    retried: () => retried.inc(),
    deadLettered: (code) => deadLettered.inc({ code }),
    redelivered: () => redelivered.inc(),
    resubscribed: () => resubscribed.inc(),
  }
  const database: DatabaseObserver = {
    transaction: () => transactions.inc(),
    retried: (code) => conflicts.inc({ code }),
  }
  const listener = {
    batch: (size: number, seconds: number) => [batchSize.observe(size), handlerSeconds.observe(seconds)],
    duplicate: () => duplicates.inc(),
  }
  const rpc = {
    served: (procedure: string, ok: boolean) => served.inc({ procedure, ok: String(ok) }),
    expired: (procedure: string) => expired.inc({ procedure }),
    stray: () => strays.inc(),
  }
  return { registry, relay, consumer, database, listener, rpc }
}

export type Metrics = ReturnType<typeof createMetrics>

/**
 * The outbox as its table stands, read once at each scrape: the gauges are collected side by side and wait for the same look. A
 * database that can't be had leaves the last values.
 */
export const watchOutbox = ({ registry }: Metrics, sql: Sql, log: Log): void => {
  let looking: Promise<OutboxGauges | undefined> | undefined
  const look = async () => {
    try {
      return await readGauges(sql)
    } catch (error) {
      log.debug({ err: error }, 'the outbox could not be counted')
      return undefined
    } finally {
      looking = undefined
    }
  }
  const gauge = (name: string, help: string, of: keyof OutboxGauges) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        looking ??= look()
        const now = await looking
        if (now !== undefined) this.set(now[of])
      },
    })
  gauge('outbox_pending', 'Events that wait to be published', 'pending')
  gauge(
    'outbox_oldest_pending_seconds',
    'Age of the oldest event that waits to be published',
    'oldestPendingSeconds',
  )
  gauge('outbox_parked', 'Events that wait for a person', 'parked')
}
