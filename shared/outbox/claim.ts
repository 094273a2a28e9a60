import { type FoundRow, rowColumns, rowOf } from './rows.ts'
import type { Sql } from './sql.ts'
import type { OutboxRow } from './transport.ts'

export interface ClaimedRow extends OutboxRow {
  /** An earlier event of its aggregate is parked: this one must be parked too. */
  isBehindParked: boolean
  /** Later events of its aggregate are parked: it was un-parked alone, and they follow it. */
  leadsParked: boolean
  /** Its payload was not read: it is refused instead of published. */
  isTooLarge: boolean
}

export interface Claim {
  /** Rows in memory already: they are left out. */
  heldIds: readonly bigint[]
  /** Aggregates of which no more rows are wanted now. */
  skippedAggregates: readonly string[]
  limit: number
}

/** A claim brings so many bytes of payloads at most, and one row more. */
export const claimBytes = 32 * 1024 * 1024

/**
 * Larger payloads are not read: as text, where a byte may take six, they could exceed the time of a statement, and end the process.
 * RabbitMQ 4 takes no message above 16 MiB, unless it is told to.
 */
export const largestPayloadBytes = 16 * 1024 * 1024

/** What a payload may have as text at most, roughly, without reading it: PostgreSQL compresses no better than that. */
const bytesAtMost = `case pg_column_compression(o.payload)
      when 'pglz' then 90 * least(pg_column_size(o.payload), 1000000)
      when 'lz4' then 255 * least(pg_column_size(o.payload), 1000000)
      else pg_column_size(o.payload) end`

/**
 * By state, never by position: ids are taken before commit, so a lower id may appear after a higher one went out. What is left out
 * is looked up in a hashed set; `<> all($1)` would compare each row with the whole list.
 */
const waiting = `published_at is null and parked_at is null
      and id not in (select unnest($1::bigint[])) and aggregate_id not in (select unnest($2::uuid[]))
    order by o.id
    limit $3`

/** Whether anything is parked at all is asked once, so that a row's neighbours are looked for only then. */
const neighbours = `
    parked.exist and exists (select from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
      and earlier.parked_at is not null and earlier.published_at is null) as is_behind_parked,
    parked.exist and exists (select from outbox later where later.aggregate_id = o.aggregate_id and later.id > o.id
      and later.parked_at is not null and later.published_at is null) as leads_parked`
const parked =
  '(select exists (select from outbox where parked_at is not null and published_at is null) as exist) as parked'

/** Of rows that may be too large for a claim of so many, or at all, the payload is left out. */
export const claimSql = `
  select ${rowColumns(`case when ${bytesAtMost} <= least(${claimBytes} / $3::bigint, ${largestPayloadBytes}) then o.payload end`)}, ${neighbours}
  from outbox o, ${parked}
  where ${waiting}`

/** In an array it is no longer compressed. */
const isTooLarge = `case when o.bytes > ${largestPayloadBytes}
      then pg_column_size(jsonb_build_array(o.payload)) > ${largestPayloadBytes} else false end`

/** As many as fit. Adding them up costs half as much again, so it is done only where there are large ones. */
export const fittingClaimSql = `
  select ${rowColumns(`case when not (${isTooLarge}) then o.payload end`)}, ${neighbours},
    o.bytes > least(${claimBytes} / $3::bigint, ${largestPayloadBytes}) as is_large
  from (
      select *, sum(bytes) over (order by id rows unbounded preceding) as through_bytes
      from (select *, ${bytesAtMost} as bytes from outbox o where ${waiting}) as o
    ) as o, ${parked}
  where o.through_bytes - o.bytes < ${claimBytes}
  order by o.id`

interface Found extends Omit<FoundRow, 'payload'> {
  payload: string | null
  is_behind_parked: boolean
  leads_parked: boolean
  is_large?: boolean
}

export interface Claimed {
  /** The oldest unpublished rows, by id. */
  rows: ClaimedRow[]
  /** It brought all that it may: there may be more. */
  isFull: boolean
}

export const createClaim = (sql: Sql) => {
  /** Whether the last claim met large rows. */
  let metLarge = false

  const find = async (statement: string, { heldIds, skippedAggregates, limit }: Claim): Promise<Found[]> => {
    const found = await sql.$queryRawUnsafe<Found[]>(statement, heldIds.map(String), skippedAggregates, limit)
    metLarge = found.some((row) => row.payload === null || row.is_large === true)
    return found
  }

  return async (claim: Claim): Promise<Claimed> => {
    if (!metLarge) {
      const found = await find(claimSql, claim)
      if (!metLarge) return { rows: found.map(claimedRowOf), isFull: found.length === claim.limit }
    }
    const fitting = await find(fittingClaimSql, claim)
    return { rows: fitting.map(claimedRowOf), isFull: fitting.length > 0 }
  }
}

const claimedRowOf = (found: Found): ClaimedRow =>
  Object.assign(rowOf(found as FoundRow), {
    payloadText: found.payload ?? '',
    isTooLarge: found.payload === null,
    isBehindParked: found.is_behind_parked,
    leadsParked: found.leads_parked,
  })
