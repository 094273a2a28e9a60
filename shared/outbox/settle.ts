import type { Sql } from './sql.ts'

/**
 * What the leader writes back. Every statement is harmless when it comes twice. A row that somebody else has locked keeps nobody out:
 * only `markPublished` waits for it, and only until the session's `lock_timeout`; the others leave it out or are refused at once.
 */

/** SQLSTATE of a lock that could not be had. */
export const lockNotAvailable = '55P03'

/** Begins `last_error` of a row that is parked only for an earlier one of its aggregate; the id of that event follows. */
const behindParked = 'behind parked event '

/** Confirmed rows are published; one that somebody parked meanwhile is out all the same. */
export const markPublished = (sql: Sql, ids: readonly bigint[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox set published_at = clock_timestamp(), parked_at = null
     where id = any($1::bigint[]) and published_at is null`,
    ids.map(String),
  )

/** The same for those that nobody else has locked. Returns the ids that are still to be marked. */
export const markUnlocked = async (sql: Sql, ids: readonly bigint[]): Promise<Set<bigint>> => {
  const left = await sql.$queryRawUnsafe<{ id: string }[]>(
    `with marked as (
       update outbox set published_at = clock_timestamp(), parked_at = null
       where id in (select id from outbox where id = any($1::bigint[]) and published_at is null for update skip locked)
       returning id
     )
     select id::text from outbox
     where id = any($1::bigint[]) and published_at is null and id not in (select id from marked)`,
    ids.map(String),
  )
  return new Set(left.map(({ id }) => BigInt(id)))
}

/** One refusal more, not yet the last. */
export const noteRefusal = (sql: Sql, id: bigint, reason: string): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox set attempts = attempts + 1, last_error = $2
     where id = (select id from outbox where id = $1 and published_at is null for update nowait)`,
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
       last_error = case when id = $2 then $3 else '${behindParked}' || $4 end
     where id in (select id from outbox
       where aggregate_id = $1::uuid and id >= $2::bigint and published_at is null and parked_at is null for update nowait)`,
    row.aggregateId,
    String(row.id),
    reason,
    row.eventId,
  )

/** Rows appended after their aggregate was parked join it. Returns how many. */
export const parkBehind = (sql: Sql, ids: readonly bigint[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox o set parked_at = clock_timestamp(), last_error = '${behindParked}' || first.event_id
     from outbox first
     where o.id in (select id from outbox
         where id = any($1::bigint[]) and published_at is null and parked_at is null for update skip locked)
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
    `update outbox set parked_at = null, attempts = 0
     where id in (select o.id from outbox o
       where aggregate_id = any($1::uuid[]) and parked_at is not null and published_at is null
         and last_error like '${behindParked}%'
         and not exists (select from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
           and earlier.published_at is null and earlier.parked_at is not null
           and coalesce(earlier.last_error, '') not like '${behindParked}%')
       for update of o nowait)`,
    aggregateIds,
  )
