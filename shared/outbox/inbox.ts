import type { Sql } from './sql.ts'

// Sorted, so that two transactions with the same events wait for each other instead of deadlocking.
const insert = `
  insert into inbox (consumer, event_id)
  select $1, id from (select distinct value::uuid as id from jsonb_array_elements_text($2::jsonb)) as given order by id
  on conflict do nothing
  returning event_id::text as id`

const remove = `
  delete from inbox
  where consumer = $1 and event_id in (select value::uuid from jsonb_array_elements_text($2::jsonb))`

/**
 * Notes events as handled and returns those that were not before: only these may be acted on, in this same transaction.
 * Waits for a transaction that is handling one of them right now. An id given twice is new at most once.
 */
export const insertNew = async (
  tx: Sql,
  consumer: string,
  eventIds: readonly string[],
): Promise<Set<string>> => {
  if (eventIds.length === 0) return new Set()
  const rows = await tx.$queryRawUnsafe<{ id: string }[]>(insert, consumer, JSON.stringify(eventIds))
  const inserted = new Set(rows.map((row) => row.id))
  const asGiven = new Map(eventIds.map((id) => [id.toLowerCase(), id]))
  return new Set([...asGiven].filter(([id]) => inserted.has(id)).map(([, given]) => given))
}

/** Takes events out again that were noted in this same transaction and then set aside: they count as not handled. */
export const forget = async (tx: Sql, consumer: string, eventIds: readonly string[]): Promise<void> => {
  if (eventIds.length > 0) await tx.$executeRawUnsafe(remove, consumer, JSON.stringify(eventIds))
}
