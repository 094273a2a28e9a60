import type pg from 'pg'
import { withFilled } from '../databases.ts'
import { measureStream, type StreamEvent } from '../latency/stream.ts'
import type { Outcome } from '../part.ts'
import { openPool } from '../pool.ts'
import { type BenchQueue, expectAll, withQueue } from '../queue.ts'
import { publishRaw, withRawChannel } from '../relay/raw-channel.ts'
import { waitingEvents } from '../relay/workload.ts'
import type { Scene } from '../scene.ts'

/** Resolves when the broker has confirmed the event. */
export type Publish = (id: string, payload: unknown) => Promise<void>

/** A package used as an outbox: events go in with a transaction and come out through `publish`. */
export interface Peer {
  /** Makes what it needs in an empty database. */
  setUp(url: string): Promise<void>
  /** Puts many events in at once. */
  fill(pool: pg.Pool, url: string, count: number, bytes: number): Promise<void>
  /** Starts to work; returns how to stop. */
  start(url: string, publish: Publish): Promise<() => Promise<void>>
  /** Commits one event. */
  write(pool: pg.Pool, event: StreamEvent): Promise<void>
  /** Before its database is dropped. */
  tearDown?(pool: pg.Pool): Promise<void>
  /** Less than all events wait when it drains, for one that would take minutes; 1 when not said. */
  shareOfDrain?: number
}

const empty = { name: 'empty', fill: async () => {} }

interface Place {
  url: string
  pool: pg.Pool
  queue: BenchQueue
  publish: Publish
}

/** An empty database with the peer's tables, the queue, and the way to it that the leanest loop has too. */
const withPeer = (scene: Scene, peer: Peer, use: (place: Place) => Promise<Outcome>): Promise<Outcome> =>
  withFilled(scene, empty, (url) =>
    withQueue(scene, (queue) =>
      withRawChannel(scene.amqpUrl, async (channel) => {
        const pool = openPool(url, 4)
        const publish: Publish = (id, payload) =>
          publishRaw(channel, queue.exchange, { id, content: Buffer.from(JSON.stringify(payload)) })
        try {
          await peer.setUp(url)
          return await use({ url, pool, queue, publish })
        } finally {
          await peer.tearDown?.(pool)
          await pool.end()
        }
      }),
    ),
  )

/** Until every event is confirmed. What the peer has to write down after that is not waited for. */
const drainWith = (scene: Scene, peer: Peer): Promise<Outcome> =>
  withPeer(scene, peer, async ({ url, pool, queue, publish }) => {
    const count = scene.scaled(waitingEvents * (peer.shareOfDrain ?? 1))
    await peer.fill(pool, url, count, scene.bytes)
    await pool.query('vacuum analyze')
    await pool.query('checkpoint')
    let confirmed = 0
    let stop = async () => {}
    const seconds = await scene.window(
      count,
      () =>
        new Promise<void>((resolve, reject) => {
          const counted: Publish = async (id, payload) => {
            await publish(id, payload)
            confirmed += 1
            if (confirmed === count) resolve()
          }
          peer.start(url, counted).then((stopping) => {
            stop = stopping
          }, reject)
        }),
    )
    await stop()
    await expectAll(queue, count)
    return { figures: { rate: count / seconds } }
  })

/** pg-transactional-outbox on replication reads of a row before other sessions see it, does not find it, and leaves it out. */
const lostByRivals = 0.009

const deliverWith = (scene: Scene, peer: Peer): Promise<Outcome> =>
  withPeer(scene, peer, async ({ url, pool, queue, publish }) => {
    const stop = await peer.start(url, publish)
    try {
      const write = (event: StreamEvent) => peer.write(pool, event)
      return await measureStream(scene, queue, write, { mayLoseShare: lostByRivals })
    } finally {
      await stop()
    }
  })

/** The two kinds of work that rivals are put to. */
export const workOf = (peer: Peer) => ({
  drain: (scene: Scene) => drainWith(scene, peer),
  deliver: (scene: Scene) => deliverWith(scene, peer),
})

/** Runs one transaction on a connection of the pool. */
export const inTransaction = async (
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<unknown>,
): Promise<void> => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await work(client)
    await client.query('commit')
  } finally {
    client.release()
  }
}
