import { type FoundRow, rowColumns, rowOf } from './rows.ts'
import type { Sql } from './sql.ts'
import type { OutboxRow } from './transport.ts'

export interface ClaimedRow extends OutboxRow {
  /** An earlier event of its aggregate is parked: this one must be parked too. */
  isBehindParked: boolean
  /** Later events of its aggregate are parked: it was un-parked alone, and they follow it. */
  leadsParked: boolean
}

export interface Claim {
  /** Rows in our hands already. */
  heldIds: readonly bigint[]
  /** Aggregates nothing more is wanted of now. */
  skippedAggregates: readonly string[]
  limit: number
}

/**
 * By state, never by position: ids are taken before commit, so a lower id may appear after a higher one went out. What is left out
 * is a hashed set in any plan, as `<> all` of a parameter is not. Whether anything is parked at all is asked once, so that
 * its neighbours are looked for only then.
 */
export const claimSql = `
  select ${rowColumns},
    parked.exist and exists (select from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
      and earlier.parked_at is not null and earlier.published_at is null) as is_behind_parked,
    parked.exist and exists (select from outbox later where later.aggregate_id = o.aggregate_id and later.id > o.id
      and later.parked_at is not null and later.published_at is null) as leads_parked
  from outbox o,
    (select exists (select from outbox where parked_at is not null and published_at is null) as exist) as parked
  where published_at is null and parked_at is null
    and id not in (select unnest($1::bigint[])) and aggregate_id not in (select unnest($2::uuid[]))
  order by o.id
  limit $3`

interface Found extends FoundRow {
  is_behind_parked: boolean
  leads_parked: boolean
}

/** The oldest unpublished rows, by id. */
export const claim = async (
  sql: Sql,
  { heldIds, skippedAggregates, limit }: Claim,
): Promise<ClaimedRow[]> => {
  const found = await sql.$queryRawUnsafe<Found[]>(claimSql, heldIds.map(String), skippedAggregates, limit)
  return found.map(claimedRowOf)
}

const claimedRowOf = (found: Found): ClaimedRow =>
  Object.assign(rowOf(found), {
    isBehindParked: found.is_behind_parked,
    leadsParked: found.leads_parked,
  })
