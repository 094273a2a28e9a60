import type { Sql } from './sql.ts'

/** What the leader writes back. Every statement is harmless when it comes twice. */

/** Confirmed rows are published; one that somebody parked meanwhile is out all the same. */
export const markPublished = (sql: Sql, ids: readonly bigint[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox set published_at = clock_timestamp(), parked_at = null
     where id = any($1::bigint[]) and published_at is null`,
    ids.map(String),
  )

/** One refusal more, not yet the last. */
export const noteRefusal = (sql: Sql, id: bigint, reason: string): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox set attempts = attempts + 1, last_error = $2 where id = $1 and published_at is null`,
    String(id),
    reason,
  )

/** The last refusal: the row and everything after it in its aggregate wait for a person. Returns how many. */
export const parkAggregateFrom = (
  sql: Sql,
  row: { id: bigint; eventId: string; aggregateId: string },
  reason: string,
) =>
  sql.$executeRawUnsafe(
    `update outbox set parked_at = clock_timestamp(),
       attempts = case when id = $2 then attempts + 1 else attempts end,
       last_error = case when id = $2 then $3 else 'behind parked event ' || $4 end
     where aggregate_id = $1::uuid and id >= $2::bigint and published_at is null and parked_at is null`,
    row.aggregateId,
    String(row.id),
    reason,
    row.eventId,
  )

/** Rows appended after their aggregate was parked join it. Returns how many. */
export const parkBehind = (sql: Sql, ids: readonly bigint[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox o set parked_at = clock_timestamp(), last_error = 'behind parked event ' || first.event_id
     from outbox first
     where o.id = any($1::bigint[]) and o.published_at is null and o.parked_at is null
       and first.id = (select min(earlier.id) from outbox earlier where earlier.aggregate_id = o.aggregate_id
         and earlier.id < o.id and earlier.parked_at is not null and earlier.published_at is null)`,
    ids.map(String),
  )

/**
 * A row was un-parked alone: those that were parked only for being behind it follow, up to the next one parked for itself.
 * Harmless before it is out, since the order is kept anyway.
 */
export const releaseFollowers = (sql: Sql, aggregateIds: readonly string[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox o set parked_at = null, attempts = 0
     where aggregate_id = any($1::uuid[]) and parked_at is not null and published_at is null
       and last_error like 'behind parked event %'
       and not exists (select from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
         and earlier.published_at is null and earlier.parked_at is not null
         and coalesce(earlier.last_error, '') not like 'behind parked event %')`,
    aggregateIds,
  )
