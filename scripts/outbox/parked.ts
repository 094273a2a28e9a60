import type { Sql } from '../../shared/outbox/index.ts'

/** An aggregate whose events wait for a person. */
export interface ParkedAggregate {
  orderId: string
  rows: number
  since: Date
  /** Its first parked event, and why it could not be published. */
  eventId: string
  type: string
  attempts: number
  reason: string
}

export interface ParkedFilter {
  orderId?: string | undefined
  eventId?: string | undefined
  types?: readonly string[] | undefined
}

const statement = `
  select first.aggregate_id::text as "orderId", parked.rows, first.parked_at as since, first.event_id::text as "eventId",
    first.type, first.attempts, coalesce(first.last_error, 'no reason kept') as reason
  from (select aggregate_id, count(*)::int as rows, min(id) as id from outbox
    where parked_at is not null and published_at is null
      and ($2::text is null or aggregate_id = $2::text::uuid)
    group by aggregate_id
    having ($3::text is null or bool_or(event_id = $3::text::uuid))
      and ($4::text[] is null or bool_or(type = any($4::text[])))) as parked
  join outbox first on first.id = parked.id
  order by first.id limit $1`

const most = 10_000

/** The parked aggregates, the oldest first. */
export const parkedAggregates = (sql: Sql, filter: ParkedFilter = {}): Promise<ParkedAggregate[]> =>
  sql.$queryRawUnsafe<ParkedAggregate[]>(
    statement,
    most,
    filter.orderId ?? null,
    filter.eventId ?? null,
    filter.types ?? null,
  )

export const parkedLine = ({ orderId, rows, type, eventId, attempts, reason }: ParkedAggregate): string =>
  `  order ${orderId}: ${rows} parked, first ${type} ${eventId} after ${attempts} tries: ${reason}`
