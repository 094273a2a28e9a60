import type pg from 'pg'
import { append, createNotifyHint, createRelay, type Sql } from '../../../shared/outbox/index.ts'
import { withFilled } from '../databases.ts'
import type { Outcome } from '../part.ts'
import { openPool } from '../pool.ts'
import { withQueue } from '../queue.ts'
import { withTransport } from '../relay/transport.ts'
import type { Scene } from '../scene.ts'
import { measureStream, type StreamEvent } from './stream.ts'

const filling = { name: 'outbox_0', service: 'order' as const, fill: async () => {} }

const sqlOf = (pool: pg.Pool): Sql => ({
  $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
    (await pool.query(text, values)).rows as Rows,
  $executeRawUnsafe: async (text, ...values) => (await pool.query(text, values)).rowCount ?? 0,
})

/** Each event is appended in a transaction of its own; the relay is told of the commit as a service tells it. */
export const deliver = (scene: Scene, toldBy: 'wake' | 'notify'): Promise<Outcome> =>
  withFilled(scene, filling, (url) =>
    withQueue(scene, (queue) =>
      withTransport(scene, queue, async (transport) => {
        const pool = openPool(url, 4)
        const sql = sqlOf(pool)
        const relay = createRelay({ databaseUrl: url, transport })
        const tell = toldBy === 'wake' ? relay.wake : createNotifyHint(sql)
        const write = async ({ id, payload }: StreamEvent) => {
          const to = { exchange: queue.exchange, routingKey: 'order.create' }
          await append(sql, [{ eventId: id, type: 'OrderPlaced', aggregateId: id, payload, ...to }])
          tell()
        }
        relay.start()
        try {
          return await measureStream(scene, queue, write)
        } finally {
          await relay.stop()
          await pool.end()
        }
      }),
    ),
  )
