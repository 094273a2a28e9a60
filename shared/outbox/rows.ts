import type { OutboxRow } from './transport.ts'

/** The columns that a publish needs, from `outbox o`. */
export const rowColumns = `o.id::text, o.event_id::text, o.type, o.aggregate_id::text, o.exchange, o.routing_key, o.payload, o.headers,
    o.created_at, o.attempts`

export interface FoundRow {
  id: string
  event_id: string
  type: string
  aggregate_id: string
  exchange: string
  routing_key: string
  payload: unknown
  headers: Record<string, unknown>
  created_at: Date
  attempts: number
}

export const rowOf = (found: FoundRow): OutboxRow => ({
  id: BigInt(found.id),
  eventId: found.event_id,
  type: found.type,
  aggregateId: found.aggregate_id,
  exchange: found.exchange,
  routingKey: found.routing_key,
  payload: found.payload,
  headers: found.headers,
  createdAt: found.created_at,
  attempts: found.attempts,
})
