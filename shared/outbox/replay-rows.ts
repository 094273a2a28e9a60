import { conditionOf, parametersOf, type ReplayBounds, type ReplayFilter } from './replay-filter.ts'
import { type FoundRow, rowColumns, rowOf } from './rows.ts'
import type { Sql } from './sql.ts'
import type { OutboxRow } from './transport.ts'

export interface Measured extends ReplayBounds {
  matched: number
}

/** Counts what a filter matches now, and fixes what a run is about. */
export const measure = async (sql: Sql, filter: ReplayFilter): Promise<Measured> => {
  // Dates of rows are rounded to milliseconds, perhaps up.
  const moment = `select clock_timestamp() + interval '1 millisecond' as now`
  const [{ now }] = (await sql.$queryRawUnsafe<{ now: Date }[]>(moment)) as [{ now: Date }]
  const [found] = (await sql.$queryRawUnsafe<{ matched: number; through: string }[]>(
    `select count(*)::int as matched, coalesce(max(id), 0)::text as through from outbox o where ${conditionOf(filter)}`,
    ...parametersOf(filter, now),
  )) as [{ matched: number; through: string }]
  return { asOf: now, matched: found.matched, throughId: BigInt(found.through) }
}

export interface Pages extends ReplayBounds {
  /** Only rows after this one. */
  afterId: bigint
  pageSize?: number
}

/** The rows of a filter in id order, a page at a time: memory does not grow with the outbox. */
export async function* pagesOf(
  sql: Sql,
  filter: ReplayFilter,
  { asOf, throughId, afterId, pageSize = 500 }: Pages,
): AsyncGenerator<OutboxRow[], void, undefined> {
  const page = `select ${rowColumns()}
    from outbox o where id > $9::bigint and id <= $10::bigint and ${conditionOf(filter)} order by o.id limit $11`
  for (let after = afterId; ; ) {
    const parameters = [...parametersOf(filter, asOf), String(after), String(throughId), pageSize]
    const rows = (await sql.$queryRawUnsafe<FoundRow[]>(page, ...parameters)).map(rowOf)
    if (rows.length > 0) yield rows
    if (rows.length < pageSize) return
    after = rows.at(-1)!.id
  }
}
