import type { Sql } from './sql.ts'

// Told apart from advisory locks that others take on the same names.
const lockSeed = 2

/** Until the transaction ends nobody else has these names, of rows that may not exist yet. Taken in one order by everyone. */
export const lockNames = (tx: Sql, names: readonly string[]) =>
  tx.$queryRawUnsafe(
    `select pg_advisory_xact_lock(h)::text
     from (select distinct hashtextextended(name, $2::bigint) as h from unnest($1::text[]) as name order by h) as locks`,
    names,
    lockSeed,
  )
