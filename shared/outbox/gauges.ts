import type { Sql } from './sql.ts'

export interface OutboxGauges {
  /** Rows waiting to be published; counting stops at `countUpTo`. */
  pending: number
  /** Age of the oldest of them in seconds, by the database's clock; 0 when there is none. */
  oldestPendingSeconds: number
  /** Rows waiting for a person; counting stops at `countUpTo`. */
  parked: number
}

export const countUpTo = 10_000

const gauges = `
  select
    (select count(*)::int from (select from outbox where published_at is null and parked_at is null limit $1) as found)
      as pending,
    (select count(*)::int from (select from outbox where published_at is null and parked_at is not null limit $1) as found)
      as parked,
    greatest(0, coalesce(extract(epoch from clock_timestamp() - (
      select created_at from outbox where published_at is null and parked_at is null order by id limit 1
    )), 0))::float8 as "oldestPendingSeconds"`

/** How the outbox stands, cheap enough for every scrape: only the partial indexes are read. */
export const readGauges = async (sql: Sql): Promise<OutboxGauges> => {
  const [row] = await sql.$queryRawUnsafe<OutboxGauges[]>(gauges, countUpTo)
  return { pending: row!.pending, parked: row!.parked, oldestPendingSeconds: row!.oldestPendingSeconds }
}
