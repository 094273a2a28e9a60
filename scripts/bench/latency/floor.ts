import pg from 'pg'
import { type Filling, withFilled } from '../databases.ts'
import type { Outcome } from '../part.ts'
import { openPool } from '../pool.ts'
import { type BenchQueue, withQueue } from '../queue.ts'
import { leanTable, markSql } from '../relay/lean.ts'
import { publishRaw, withRawChannel } from '../relay/raw-channel.ts'
import type { Scene } from '../scene.ts'
import { measureStream, type StreamEvent } from './stream.ts'

const filling: Filling = { name: 'lean_0', fill: async (client) => void (await client.query(leanTable)) }

interface Place {
  queue: BenchQueue
  pool: pg.Pool
  /** Listens on the channel `lean`. */
  listener: pg.Client
  publish(id: string, content: string): Promise<void>
}

const withPlace = (scene: Scene, use: (place: Place) => Promise<Outcome>): Promise<Outcome> =>
  withFilled(scene, filling, (url) =>
    withQueue(scene, (queue) =>
      withRawChannel(scene.amqpUrl, async (channel) => {
        const pool = openPool(url, 4)
        const listener = new pg.Client({ connectionString: url })
        await listener.connect()
        await listener.query('listen lean')
        const publish = (id: string, content: string) =>
          publishRaw(channel, queue.exchange, { id, content: Buffer.from(content) })
        try {
          return await use({ queue, pool, listener, publish })
        } finally {
          await listener.end()
          await pool.end()
        }
      }),
    ),
  )

const insert = 'insert into lean (event_id, payload) values ($1, $2)'

/**
 * What no relay can go below: it is notified of the event's id and has the rest at hand, so nothing is read and nothing is marked. A
 * notification holds 8,000 bytes at most, too few for some events.
 */
export const deliverFromNotify = (scene: Scene): Promise<Outcome> =>
  withPlace(scene, async ({ queue, pool, listener, publish }) => {
    const texts = new Map<string, string>()
    listener.on('notification', ({ payload: id = '' }) => {
      void publish(id, texts.get(id) ?? '')
      texts.delete(id)
    })
    const write = async ({ id, payload }: StreamEvent) => {
      const text = JSON.stringify(payload)
      texts.set(id, text)
      await pool.query(`with row as (${insert}) select pg_notify('lean', $1::text)`, [id, text])
    }
    return measureStream(scene, queue, write)
  })

/** Notified, it selects what waits, publishes it and marks it; one round after another. */
export const deliverFromTable = (scene: Scene): Promise<Outcome> =>
  withPlace(scene, async ({ queue, pool, listener, publish }) => {
    let busy = false
    let again = false
    const round = async () => {
      const { rows } = await listener.query<{ id: string; event_id: string; payload: string }>(
        'select id, event_id, payload::text from lean where published_at is null order by id limit 500',
      )
      await Promise.all(rows.map((row) => publish(row.event_id, row.payload)))
      if (rows.length > 0) await listener.query(markSql, [rows.map(({ id }) => id)])
    }
    listener.on('notification', async () => {
      again = true
      if (busy) return
      busy = true
      while (again) {
        again = false
        await round()
      }
      busy = false
    })
    const write = async ({ id, payload }: StreamEvent) => {
      await pool.query(`with row as (${insert}) select pg_notify('lean', '')`, [id, JSON.stringify(payload)])
    }
    return measureStream(scene, queue, write)
  })
