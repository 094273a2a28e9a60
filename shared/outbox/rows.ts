import type { OutboxRow } from './transport.ts'

/** The columns that a publish needs, from `outbox o`; `payload` is the SQL of what is read as the payload. */
export const rowColumns = (
  payload = 'o.payload',
) => `o.id::text, o.event_id::text, o.type, o.aggregate_id::text, o.exchange, o.routing_key,
    (${payload})::text as payload, o.headers, round(date_part('epoch', o.created_at) * 1000) as created_ms, o.attempts`

export interface FoundRow {
  id: string
  event_id: string
  type: string
  aggregate_id: string
  exchange: string
  routing_key: string
  payload: string
  headers: Record<string, unknown>
  /** Since 1970; a number is read faster than a date. */
  created_ms: number
  attempts: number
}

export const rowOf = (found: FoundRow): OutboxRow => ({
  id: BigInt(found.id),
  eventId: found.event_id,
  type: found.type,
  aggregateId: found.aggregate_id,
  exchange: found.exchange,
  routingKey: found.routing_key,
  payloadText: found.payload,
  headers: found.headers,
  createdAt: new Date(found.created_ms),
  attempts: found.attempts,
})
