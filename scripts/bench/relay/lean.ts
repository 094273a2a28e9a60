import type { ConfirmChannel, Options } from 'amqplib'
import pg from 'pg'
import { toProperties } from '../../../shared/messaging/index.ts'
import { type Filling, withFilled } from '../databases.ts'
import { payloadSql } from '../events.ts'
import type { Outcome } from '../part.ts'
import { type BenchQueue, expectAll, withQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'
import { publishRaw, withRawChannel } from './raw-channel.ts'
import { waitingEvents } from './workload.ts'

/**
 * The least that a relay can do: select, publish, mark, all at once. No order per aggregate, no refusals, no lost connections, no
 * second leader. It is no outbox that one could use; it is what ours is held against.
 */
interface Row {
  id: string
  event_id: string
  payload: string
}

export const leanTable = `
  create table lean (id bigserial primary key, event_id uuid not null, payload jsonb not null, published_at timestamptz);
  create index lean_waiting on lean (id) where published_at is null;`

const filling = (count: number, bytes: number): Filling => ({
  name: `lean_${count}_${bytes}`,
  fill: async (client) => {
    await client.query(leanTable)
    await client.query(
      `insert into lean (event_id, payload)
       select gen_random_uuid(), ${payloadSql(bytes)} from generate_series(1, $1::int) n`,
      [count],
    )
  },
})

export const markSql = 'update lean set published_at = clock_timestamp() where id = any($1::bigint[])'

type Drain = (drained: { clients: pg.Client[]; publish: (rows: Row[]) => Promise<void> }) => Promise<void>

type PropertiesOf = (id: string) => Options.Publish | undefined

const few: PropertiesOf = () => undefined

/** Every property and header that our relay sends. */
const cloudEvents: PropertiesOf = (id) => ({
  ...toProperties({ id, type: 'OrderPlaced', service: 'order', subject: id, time: new Date() }),
  mandatory: true,
})

const drainWith = (scene: Scene, connections: number, drain: Drain, propertiesOf = few): Promise<Outcome> => {
  const count = scene.scaled(waitingEvents)
  const measured = (queue: BenchQueue, url: string, channel: ConfirmChannel) =>
    withClients(url, connections, async (clients) => {
      const publish = async (rows: Row[]) => {
        await Promise.all(
          rows.map(({ event_id: id, payload }) =>
            publishRaw(channel, queue.exchange, {
              id,
              content: Buffer.from(payload),
              properties: propertiesOf(id),
            }),
          ),
        )
      }
      const seconds = await scene.window(count, () => drain({ clients, publish }))
      await expectAll(queue, count)
      return { figures: { rate: count / seconds } }
    })
  return withFilled(scene, filling(count, scene.bytes), (url) =>
    withQueue(scene, (queue) => withRawChannel(scene.amqpUrl, (channel) => measured(queue, url, channel))),
  )
}

const withClients = async <Result>(
  url: string,
  count: number,
  use: (clients: pg.Client[]) => Promise<Result>,
): Promise<Result> => {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url }))
  await Promise.all(clients.map((client) => client.connect()))
  try {
    return await use(clients)
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}

/** One leader that remembers where it is: it selects the next batch while the last one is being confirmed and marked. */
const lead: Drain = async ({ clients: [reading, marking], publish }) => {
  const select = async (after: string) => {
    const { rows } = await reading!.query<Row>(
      `select id, event_id, payload::text from lean where published_at is null and id > $1 order by id limit 500`,
      [after],
    )
    return rows
  }
  let marked: Promise<unknown> = Promise.resolve()
  let before: Promise<void> = Promise.resolve()
  for (let rows = await select('0'); rows.length > 0; ) {
    const next = select(rows.at(-1)!.id)
    const published = publish(rows)
    const ids = rows.map(({ id }) => id)
    marked = Promise.all([marked, published]).then(() => marking!.query(markSql, [ids]))
    await before
    before = published
    rows = await next
  }
  await marked
}

export const drainAsLeader = (scene: Scene): Promise<Outcome> => drainWith(scene, 2, lead)

/** What the properties and headers of an event alone cost. */
export const drainWithHeaders = (scene: Scene): Promise<Outcome> => drainWith(scene, 2, lead, cloudEvents)

/** Four workers, each with a transaction that holds its rows locked until they are marked. */
export const drainByRowLocks = (scene: Scene): Promise<Outcome> =>
  drainWith(scene, 4, async ({ clients, publish }) => {
    const work = async (client: pg.Client) => {
      for (;;) {
        await client.query('begin')
        const { rows } = await client.query<Row>(
          `select id, event_id, payload::text from lean where published_at is null order by id limit 250
           for update skip locked`,
        )
        if (rows.length > 0) {
          await publish(rows)
          await client.query(markSql, [rows.map(({ id }) => id)])
        }
        await client.query('commit')
        if (rows.length === 0) return
      }
    }
    await Promise.all(clients.map(work))
  })
