import { withClient } from '../../shared/database/migrations/index.ts'
import { type Driven, keyOf, now } from './driver.ts'
import type { Sample } from './samples.ts'
import type { Plan } from './workload.ts'

/**
 * When and how each order ended, read from the order database after the run: the same source for every mode, no load on the
 * services, and also for orders whose client never got an answer. The moment is the one the trigger wrote with the status.
 */
export interface Settled {
  orderId: string
  status: 'SUCCESS' | 'FAILED' | 'PROCESSING'
  reason: string | null
  /** Milliseconds since 1970, the database's clock; null while PROCESSING. */
  at: number | null
}

const settledStatement = `
  SELECT k.key, o.id AS order_id, o.status, o.reason, extract(epoch FROM h.at)::float8 * 1000 AS at
  FROM idempotency_keys k
  JOIN orders o ON o.id = k.order_id
  LEFT JOIN order_status_history h ON h.order_id = o.id AND h.status = o.status AND o.status <> 'PROCESSING'
  WHERE k.key LIKE $1`

/** By Idempotency-Key, of all orders whose key has this prefix. */
export const readSettled = (orderDatabaseUrl: string, keyPrefix: string): Promise<Map<string, Settled>> =>
  withClient(orderDatabaseUrl, async (client) => {
    const { rows } = await client.query<{
      key: string
      order_id: string
      status: Settled['status']
      reason: string | null
      at: number | null
    }>(settledStatement, [`${keyPrefix}-%`])
    return new Map(
      rows.map(({ key, order_id, status, reason, at }) => [key, { orderId: order_id, status, reason, at }]),
    )
  })

/**
 * By how much the database's clock is ahead of the driver's, milliseconds: from the quickest of twenty questions, taking
 * the answer as given half way (Cristian). On one machine it is nearly nought; it is recorded and taken off all the same.
 */
export const clockOffsetMs = (databaseUrl: string): Promise<number> =>
  withClient(databaseUrl, async (client) => {
    let best = { tookMs: Infinity, offsetMs: 0 }
    for (let ask = 0; ask < 20; ask += 1) {
      const before = now()
      const { rows } = await client.query<{ at: number }>(
        'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at',
      )
      const tookMs = now() - before
      if (tookMs < best.tookMs) best = { tookMs, offsetMs: (rows[0]?.at ?? 0) - (before + tookMs / 2) }
    }
    return Math.round(best.offsetMs * 1_000) / 1_000
  })

/** Joins what the client saw with what the database says. */
export const samplesOf = (
  plan: Plan,
  driven: Driven,
  settled: ReadonlyMap<string, Settled>,
  keyPrefix: string,
  offsetMs: number,
): Sample[] =>
  driven.sent.map((sent) => {
    const end = settled.get(keyOf(keyPrefix, sent.i))
    const at = end?.at ?? null
    return {
      ...sent,
      doomed: plan.orders[sent.i]?.doomed ?? null,
      orderId: end?.orderId ?? sent.orderId,
      settledMs: at === null ? null : Math.round((at - offsetMs - driven.startedAt) * 1_000) / 1_000,
      outcome: end?.status ?? 'absent',
      reason: end?.reason ?? null,
    }
  })
