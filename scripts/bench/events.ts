import type { Client } from 'pg'

/** Events of one aggregate, as in a saga: a few each, and never next to one another. */
const eventsPerAggregate = 4

/** A JSON object of about so many bytes, as SQL; `n` is the row's number. */
export const payloadSql = (bytes: number): string =>
  `jsonb_build_object('text', left(repeat(md5(n::text), ${Math.ceil(bytes / 32)}), ${Math.max(1, bytes - 12)}))`

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
  const insert = (publishedAt: string) => `
    insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, published_at)
    select gen_random_uuid(), 'OrderPlaced', md5((n % $2)::text)::uuid, $3, 'order.create', ${payloadSql(bytes)}, ${publishedAt}
    from generate_series(1, $1::int) n`
  const aggregates = (rows: number) => Math.max(1, Math.ceil(rows / eventsPerAggregate))
  await client.query(insert('clock_timestamp()'), [published, aggregates(published), exchange])
  await client.query(insert('null'), [waiting, aggregates(waiting), exchange])
}
