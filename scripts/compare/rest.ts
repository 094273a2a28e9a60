import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from 'pg'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { audit } from '../audit/index.ts'
import type { Finding } from './results.ts'

type Urls = Record<ServiceName, string>

const lookEveryMs = 250
/** Nothing may have moved for this long. */
const stillForMs = 1_500

const movementStatement = `
  SELECT (SELECT count(*) FROM outbox)::int AS said,
    (SELECT count(*) FROM outbox WHERE published_at IS NULL AND parked_at IS NULL)::int AS waiting,
    (SELECT count(*) FROM inbox)::int AS handled`

const processingStatement = `SELECT count(*)::int AS count FROM orders WHERE status = 'PROCESSING'`

type Clients = Record<ServiceName, Client>

/** One connection to each database for as long as `use` takes: looking must cost next to nothing. */
const withClients = <R>(urls: Urls, use: (clients: Clients) => Promise<R>): Promise<R> =>
  withClient(urls.order, (order) =>
    withClient(urls.product, (product) => withClient(urls.user, (user) => use({ order, product, user }))),
  )

/** Whether work is left, and a fingerprint that changes whenever something is done. */
const lookAt = async (clients: Clients): Promise<{ busy: boolean; state: string }> => {
  const moved = await Promise.all(
    services.map((name) => clients[name].query<{ waiting: number }>(movementStatement)),
  )
  const processing = await clients.order.query<{ count: number }>(processingStatement)
  const rows = moved.flatMap((one) => one.rows)
  const left = processing.rows[0]?.count ?? 0
  return { busy: left > 0 || rows.some(({ waiting }) => waiting > 0), state: JSON.stringify([rows, left]) }
}

/** Waits until no order is PROCESSING, no event waits, and nothing has moved for a while; false when the time is over before. */
export const waitUntilStill = (urls: Urls, withinMs: number): Promise<boolean> =>
  withClients(urls, async (clients) => {
    const deadline = performance.now() + withinMs
    let state = ''
    let since = performance.now()
    while (performance.now() < deadline) {
      const look = await lookAt(clients)
      if (look.state !== state || look.busy) since = performance.now()
      state = look.state
      if (performance.now() - since >= stillForMs) return true
      await pause(lookEveryMs)
    }
    return false
  })

const auditAgainAfterMs = 3_000

/**
 * Audits a system at rest. What is found is looked at again until nothing is left or the time is over, so that work which is
 * only slow (a message that waits for its next try) is not called damage.
 */
export const auditAtRest = async (options: {
  postgresUrl: string
  amqpUrl: string
  namespace: string
  deadlineMs: number
  withinMs: number
}): Promise<Finding[]> => {
  const { withinMs, ...system } = options
  const deadline = performance.now() + withinMs
  for (;;) {
    const { findings, counts } = await audit({ ...system, graceMs: 1 })
    if (findings.length === 0 || performance.now() + auditAgainAfterMs >= deadline) {
      return summaryOf(findings, counts)
    }
    await pause(auditAgainAfterMs)
  }
}

type AuditFindings = Awaited<ReturnType<typeof audit>>['findings']

const examplesKept = 5

const summaryOf = (findings: AuditFindings, counts: Partial<Record<string, number>>): Finding[] => {
  const codes = [...new Set(findings.map(({ code }) => code))]
  return codes.map((code) => {
    const these = findings.filter((finding) => finding.code === code)
    const subjects = these.flatMap((one) => one.orderId ?? one.eventId ?? one.userId ?? one.productId ?? [])
    return {
      code,
      what: these[0]?.what ?? code,
      count: counts[code] ?? these.length,
      examples: subjects.slice(0, examplesKept),
    }
  })
}
