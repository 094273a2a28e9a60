import type { EventType, ServiceName } from '../../shared/contracts/index.ts'
import type { OutboxRow, Sql } from '../../shared/outbox/index.ts'
import { heardBy } from '../audit/hearing.ts'
import type { OutboxDatabase } from './databases.ts'
import { consumerOf } from './hearing.ts'

export interface Looking {
  /** Published so many seconds ago and not handled: late. */
  afterSeconds: number
  since: Date | undefined
  /** Event ids that are somewhere else on the broker: on the retry ladder or dead. */
  elsewhere: ReadonlySet<string>
  /** So many messages wait in the consumer's queue. */
  waiting: number
  signal: AbortSignal
}

export interface Missing {
  row: OutboxRow
  publishedAt: Date
}

interface Found extends Omit<OutboxRow, 'id'> {
  id: string
  publishedAt: Date
}

const pageRows = 1_000

const page = `
  select id::text, event_id::text as "eventId", type, aggregate_id::text as "aggregateId", exchange,
    routing_key as "routingKey", payload::text as "payloadText", headers, created_at as "createdAt", attempts, published_at as "publishedAt"
  from outbox
  where id > $1::bigint and type = any($2::text[])
    and coalesce(published_at, 'infinity') < clock_timestamp() - make_interval(secs => $3::float8)
    and ($4::timestamptz is null or published_at >= $4::timestamptz)
  order by id limit ${pageRows}`

const handledBy = async (sql: Sql, consumer: string, ids: readonly string[]): Promise<Set<string>> => {
  const found = await sql.$queryRawUnsafe<{ id: string }[]>(
    'select event_id::text as id from inbox where consumer = $1 and event_id = any($2::uuid[])',
    consumer,
    ids,
  )
  return new Set(found.map(({ id }) => id))
}

/**
 * What `from` published and `to` has not handled, in the order of the outbox. A queue keeps order, so what waits in it can only be
 * the newest of these: as many are held back as messages wait there. Resolves to how many were left out for that, or as elsewhere.
 */
export async function* missing(
  from: OutboxDatabase,
  to: OutboxDatabase,
  { afterSeconds, since, elsewhere, waiting, signal }: Looking,
): AsyncGenerator<Missing, { waiting: number; elsewhere: number }, undefined> {
  const types: EventType[] = heardBy(to.service)
  const held: Missing[] = []
  let apart = 0
  for (let after = '0'; !signal.aborted; ) {
    const rows = await from.sql.$queryRawUnsafe<Found[]>(page, after, types, afterSeconds, since ?? null)
    // Asked after the outbox: what is handled in between is handled.
    const handled = await handledBy(
      to.sql,
      consumerOf(to.service),
      rows.map(({ eventId }) => eventId),
    )
    for (const { publishedAt, ...row } of rows.filter(({ eventId }) => !handled.has(eventId))) {
      if (elsewhere.has(row.eventId)) apart += 1
      else held.push({ row: { ...row, id: BigInt(row.id) }, publishedAt })
      if (held.length > waiting) yield held.shift()!
    }
    if (rows.length < pageRows) break
    after = rows.at(-1)!.id
  }
  return { waiting: held.length, elsewhere: apart }
}

/** Publishers whose events a consumer hears. */
export const speaksTo = (
  from: ServiceName,
  to: ServiceName,
  saidBy: (type: EventType) => ServiceName,
): boolean => heardBy(to).some((type) => saidBy(type) === from)
