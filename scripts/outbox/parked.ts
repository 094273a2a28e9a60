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

const parkedAggregate = `
  select aggregate_id, count(*)::int as rows, min(id) as id from outbox
  where parked_at is not null and published_at is null
    and ($1::text is null or aggregate_id = $1::text::uuid)
  group by aggregate_id
  having bool_or(($2::text is null or event_id = $2::text::uuid) and ($3::text[] is null or type = any($3::text[])))`

const list = `
  select first.aggregate_id::text as "orderId", parked.rows, first.parked_at as since, first.event_id::text as "eventId",
    first.type, first.attempts, coalesce(first.last_error, 'no reason kept') as reason
  from (${parkedAggregate}) as parked
  join outbox first on first.id = parked.id
  order by first.id limit $4`

const count = `
  select count(*)::int as aggregates, coalesce(sum(rows), 0)::int as rows from (${parkedAggregate}) as parked`

/** Aggregates that are listed; more than a person reads. */
const most = 10_000

const valuesOf = ({ orderId, eventId, types }: ParkedFilter) => [
  orderId ?? null,
  eventId ?? null,
  types ?? null,
]

/** The parked aggregates, the oldest first; of very many only the oldest. */
export const parkedAggregates = (sql: Sql, filter: ParkedFilter = {}): Promise<ParkedAggregate[]> =>
  sql.$queryRawUnsafe<ParkedAggregate[]>(list, ...valuesOf(filter), most)

/** How many there are, and how many rows of theirs are parked. */
export const countParked = async (
  sql: Sql,
  filter: ParkedFilter = {},
): Promise<{ aggregates: number; rows: number }> => {
  const [counted] = await sql.$queryRawUnsafe<{ aggregates: number; rows: number }[]>(
    count,
    ...valuesOf(filter),
  )
  return counted!
}

export const parkedLine = ({ orderId, rows, type, eventId, attempts, reason }: ParkedAggregate): string =>
  `  order ${orderId}: ${rows} parked, first ${type} ${eventId} after ${attempts} tries: ${reason}`
