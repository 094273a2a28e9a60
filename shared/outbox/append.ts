import type { Sql } from './sql.ts'

export interface NewOutboxEvent {
  /** UUID, best version 7; stays the same on every publish of this event. */
  eventId: string
  type: string
  /** UUID, the ordering key: events of one aggregate go out in the order they were appended. */
  aggregateId: string
  exchange: string
  routingKey: string
  /** Anything JSON can carry. */
  payload: unknown
  /** Message headers as they are to be sent. */
  headers?: Record<string, unknown>
}

const insert = `
  insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, headers)
  select event_id, type, aggregate_id, exchange, routing_key, payload, headers
  from rows from (jsonb_to_recordset($1::jsonb) as (
    event_id uuid, type text, aggregate_id uuid, exchange text, routing_key text, payload jsonb, headers jsonb
  )) with ordinality as event (event_id, type, aggregate_id, exchange, routing_key, payload, headers, position)
  order by position`

/**
 * Says what happened, in the transaction that makes it true: one statement, ids ascending in the order given.
 * Order per aggregate needs the caller's transactions on one aggregate to run one after another (its row is locked).
 * Throws what the database throws: 23505 when an event id is there already.
 */
export const append = async (tx: Sql, events: readonly NewOutboxEvent[]): Promise<void> => {
  if (events.length === 0) return
  const rows = events.map((event) => ({
    event_id: event.eventId,
    type: event.type,
    aggregate_id: event.aggregateId,
    exchange: event.exchange,
    routing_key: event.routingKey,
    payload: event.payload,
    headers: event.headers ?? {},
  }))
  await tx.$executeRawUnsafe(insert, JSON.stringify(rows))
}
