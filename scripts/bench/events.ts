import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'

/** Events of one aggregate, as in a saga: a few each, and never next to one another. */
const eventsPerAggregate = 4

/**
 * A JSON object of about so many bytes, as SQL; `n` is the row's number. Its text repeats nothing: PostgreSQL compresses rows above 2 kB,
 * and what repeats would be kept in a few bytes.
 */
export const payloadSql = (bytes: number): string =>
  `(select jsonb_build_object('text', left(string_agg(md5(n || '.' || piece), ''), ${textOf(bytes)}))
    from generate_series(1, ${Math.ceil(bytes / 32)}) piece)`

/** The same, made here. */
export const payloadOf = (bytes: number): { text: string } => ({
  text: randomBytes(Math.ceil(bytes / 2))
    .toString('hex')
    .slice(0, textOf(bytes)),
})

/** What `{"text": ""}` leaves of them. */
const textOf = (bytes: number): number => Math.max(1, bytes - 12)

/** A UUIDv7 as the services make them, as SQL: the time in milliseconds, then hex digits by chance. */
export const uuidV7Sql = (ms: string, digits: string): string =>
  `(lpad(to_hex(${ms}), 12, '0') || '7' || left(${digits}, 3) || '8' || right(${digits}, 15))::uuid`

export interface OutboxRows {
  exchange: string
  waiting: number
  published: number
  bytes: number
}

/** Rows for our own outbox: published ones first, then those that wait. */
export const fillOutbox = async (
  client: Client,
  { exchange, waiting, published, bytes }: OutboxRows,
): Promise<void> => {
  const insert = (publishedAt: string, rows: number) =>
    client.query(
      `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, published_at)
       select ${uuidV7Sql('$4::bigint + n', 'md5(random()::text)')}, 'OrderPlaced',
         ${uuidV7Sql('$4::bigint + n % $2', 'md5((n % $2)::text)')}, $3, 'order.create', ${payloadSql(bytes)}, ${publishedAt}
       from generate_series(1, $1::int) n`,
      [rows, Math.max(1, Math.ceil(rows / eventsPerAggregate)), exchange, Date.now()],
    )
  await insert('clock_timestamp()', published)
  await insert('null', waiting)
}
