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

const unlocked =
  'id in (select id from outbox where id = any($1::bigint[]) and published_at is null for update skip locked)'

/** Makes an update of the rows with these ids, and returns the ids of the unpublished ones that it left out. */
const leftOf = async (
  sql: Sql,
  update: string,
  ids: readonly bigint[],
  ...values: unknown[]
): Promise<Set<bigint>> => {
  const left = await sql.$queryRawUnsafe<{ id: string }[]>(
    `with done as (${update} returning id)
     select id::text from outbox
     where id = any($1::bigint[]) and published_at is null and id not in (select id from done)`,
    ids.map(String),
    ...values,
  )
  return new Set(left.map(({ id }) => BigInt(id)))
}

/** The same for those that nobody else has locked. Returns the ids that are still to be marked. */
export const markUnlocked = (sql: Sql, ids: readonly bigint[]): Promise<Set<bigint>> =>
  leftOf(sql, `update outbox set published_at = clock_timestamp(), parked_at = null where ${unlocked}`, ids)

/** One refusal more of each, not yet the last. Returns the ids that are still to be noted, because somebody else has locked them. */
export const noteRefusals = (sql: Sql, ids: readonly bigint[], reason: string): Promise<Set<bigint>> =>
  leftOf(sql, `update outbox set attempts = attempts + 1, last_error = $2 where ${unlocked}`, ids, reason)

/**
 * The last refusal: the row and everything after it in its aggregate wait for a person. Returns how many. By `coalesce`, since a
 * condition on each column would let PostgreSQL read all that waits instead of the one aggregate.
 */
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
       where aggregate_id = $1::uuid and id >= $2::bigint and coalesce(published_at, parked_at) is null for update nowait)`,
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
 * Harmless before it is out, since the order is kept anyway. Asked for one row at a time: as `not exists` it would be joined with all
 * that is parked.
 */
export const releaseFollowers = (sql: Sql, aggregateIds: readonly string[]): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox set parked_at = null, attempts = 0
     where id in (select o.id from outbox o
       where aggregate_id = any($1::uuid[]) and parked_at is not null and published_at is null
         and last_error like '${behindParked}%'
         and (select true from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
           and earlier.published_at is null and earlier.parked_at is not null
           and coalesce(earlier.last_error, '') not like '${behindParked}%' limit 1) is null
       for update of o nowait)`,
    aggregateIds,
  )
