import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { withDatabase } from '../../testing/index.ts'
import { append, type NewOutboxEvent, type Sql } from '../index.ts'

/** What Prisma's client offers, over a plain connection. */
export const sqlOf = (client: pg.Client): Sql => ({
  $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
    (await client.query(text, values)).rows as Rows,
  $executeRawUnsafe: async (text, ...values) => (await client.query(text, values)).rowCount ?? 0,
})

export const withClient = async <Result>(
  url: string,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

export interface Outbox {
  url: string
  sql: Sql
  client: pg.Client
}

/** A database with the two tables, and a connection to it. */
export const withOutbox = (use: (outbox: Outbox) => Promise<void>): Promise<void> =>
  withDatabase('order', ({ url }) => withClient(url, (client) => use({ url, client, sql: sqlOf(client) })))

/** An event whose payload says its place in its aggregate. */
export const event = (
  aggregateId: string,
  place: number,
  more: Partial<NewOutboxEvent> = {},
): NewOutboxEvent => ({
  eventId: randomUUID(),
  type: 'Happened',
  aggregateId,
  exchange: 'EX_TEST',
  routingKey: 'test.key',
  payload: { place },
  ...more,
})

/** Appends so many events to each aggregate (or each of so many new ones), interleaved; returns the aggregates' ids. */
export const seed = async (sql: Sql, aggregates: number | string[], each: number): Promise<string[]> => {
  const ids =
    typeof aggregates === 'number' ? Array.from({ length: aggregates }, () => randomUUID()) : aggregates
  for (let place = 0; place < each; place += 1)
    await append(
      sql,
      ids.map((id) => event(id, place)),
    )
  return ids
}

export const pendingCount = async (sql: Sql): Promise<number> => {
  const [row] = await sql.$queryRawUnsafe<{ n: number }[]>(
    'select count(*)::int as n from outbox where published_at is null',
  )
  return row!.n
}
