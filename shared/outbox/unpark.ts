import type { Sql } from './sql.ts'

/** Which parked rows are meant; all of them when nothing is given. */
export interface ParkedFilter {
  aggregateId?: string
  eventId?: string
  type?: string
}

const statement = `
  update outbox set parked_at = null, attempts = 0
  where parked_at is not null and published_at is null and aggregate_id in (
    select aggregate_id from outbox
    where parked_at is not null and published_at is null
      and ($1::text is null or aggregate_id = $1::text::uuid)
      and ($2::text is null or event_id = $2::text::uuid)
      and ($3::text is null or type = $3::text))`

/** Lets the relay try again: whole aggregates, so that they go in order. Returns how many rows; wake the relay after. */
export const unpark = (sql: Sql, { aggregateId, eventId, type }: ParkedFilter = {}): Promise<number> =>
  sql.$executeRawUnsafe(statement, aggregateId ?? null, eventId ?? null, type ?? null)
