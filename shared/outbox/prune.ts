import type { Sql } from './sql.ts'

export interface PruneOptions {
  /** Published rows older than this go; inbox rows live twice as long, so that a replay still meets them. */
  retentionHours: number
  /** Inbox rows older than this go; twice the retention when not said. */
  inboxHours?: number
  /** Rows looked at in one statement. */
  batch?: number
  /** Statements in one round, for each of the two tables. */
  maxBatches?: number
}

// A window over the oldest rows, by key, so that no statement looks at more than a batch. (outbox_published_idx is for those who
// count by age: status, audit, dry runs.)
const pruneOutbox = `
  with old as (
    select id, published_at, created_at from outbox where id > $1::bigint order by id limit $2
  ), gone as (
    delete from outbox using old
    where outbox.id = old.id and outbox.published_at < clock_timestamp() - make_interval(secs => $3::float8)
    returning outbox.id
  )
  select (select count(*)::int from gone) as deleted, max(id)::text as last,
    coalesce(bool_or(least(created_at, published_at) < clock_timestamp() - make_interval(secs => $3::float8)), false) as may_have_more
  from old`

// A window over the oldest rows, by the time they were handled at: event ids are any UUIDs and say nothing of age. The window begins
// where the last one ended, not among the rows that are gone and not yet vacuumed. (A volatile clock could not go by an index.)
const pruneInbox = `
  with old as (
    select consumer, event_id, handled_at from inbox
    where handled_at >= $1::timestamptz and handled_at < statement_timestamp() - make_interval(secs => $3::float8)
    order by handled_at limit $2
  ), gone as (
    delete from inbox using old
    where inbox.consumer = old.consumer and inbox.event_id = old.event_id
    returning inbox.event_id
  )
  select (select count(*)::int from gone) as deleted, max(handled_at)::text as last, count(*) = $2 as may_have_more from old`

interface Window {
  deleted: number
  last: string | null
  may_have_more: boolean
}

const secondsPerHour = 3600

/**
 * One table, a window per call of `next` from the oldest row on; resolves to how many rows it deleted, and whether
 * another call may find more. A round that is cut short is continued by the next, not begun again.
 */
const createSweep = (sql: Sql, statement: string, start: string, seconds: number, batch: number) => {
  let after = start
  return async () => {
    const [window] = await sql.$queryRawUnsafe<Window[]>(statement, after, batch, seconds)
    const goesOn = window !== undefined && window.last !== null && window.may_have_more
    after = goesOn ? window.last! : start
    return { deleted: window?.deleted ?? 0, goesOn }
  }
}

export interface Pruned {
  /** Rows deleted, by table. */
  outbox: number
  inbox: number
  /** The round ended before the old rows did: another one may find more. */
  isCutShort: boolean
}

/**
 * Returns `round()`: deletes what is too old, in bounded statements of their own (never inside a transaction of the
 * caller). Never deletes an unpublished row. The clock is the database's.
 */
export const createPruner = (sql: Sql, options: PruneOptions) => {
  const { retentionHours, inboxHours = 2 * retentionHours, batch = 1000, maxBatches = 10 } = options
  const tables = {
    outbox: createSweep(sql, pruneOutbox, '0', retentionHours * secondsPerHour, batch),
    inbox: createSweep(sql, pruneInbox, '-infinity', inboxHours * secondsPerHour, batch),
  }

  return {
    round: async (): Promise<Pruned> => {
      const pruned: Pruned = { outbox: 0, inbox: 0, isCutShort: false }
      for (const table of ['outbox', 'inbox'] as const) {
        let goesOn = true
        for (let count = 0; goesOn && count < maxBatches; count += 1) {
          const window = await tables[table]()
          pruned[table] += window.deleted
          goesOn = window.goesOn
        }
        pruned.isCutShort ||= goesOn
      }
      return pruned
    },
  }
}
