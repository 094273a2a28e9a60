import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import PgBoss from 'pg-boss'
import { payloadOf } from '../events.ts'
import { inTransaction, type Peer, type Publish, workOf } from './peer.ts'

interface Event {
  id: string
  payload: unknown
}

const queue = 'publish'
const workers = 4
const batchSize = 250
/** Its own workers may not look more often than twice a second. */
const pollMs = 500

const quiet = { supervise: false, schedule: false }

const withBoss = async (url: string, use: (boss: PgBoss) => Promise<void>) => {
  const boss = new PgBoss({ connectionString: url, ...quiet })
  boss.on('error', (error) => console.error(error))
  await boss.start()
  await use(boss)
  await boss.stop({ graceful: false })
}

let sender: PgBoss | undefined

/** Several fetchers at once, each a batch at a time and again at once while there is more. */
const peer: Peer = {
  setUp: (url) => withBoss(url, (boss) => boss.createQueue(queue)),
  fill: (_pool, url, count, bytes) =>
    withBoss(url, async (boss) => {
      for (let from = 0; from < count; from += 5_000) {
        const size = Math.min(5_000, count - from)
        const jobs = Array.from({ length: size }, () => ({
          name: queue,
          data: { id: randomUUID(), payload: payloadOf(bytes) },
        }))
        await boss.insert(jobs)
      }
    }),
  start: async (url, publish) => {
    const boss = new PgBoss({ connectionString: url, ...quiet, max: workers + 2 })
    boss.on('error', (error) => console.error(error))
    await boss.start()
    sender = boss
    let stopping = false
    const work = async () => {
      while (!stopping) {
        const done = await round(boss, publish)
        if (done < batchSize) await pause(pollMs)
      }
    }
    const working = Array.from({ length: workers }, work)
    return async () => {
      stopping = true
      await Promise.all(working)
      await boss.stop({ graceful: false })
    }
  },
  write: (pool, event) =>
    inTransaction(pool, async (client) => {
      const db = { executeSql: (text: string, values: unknown[]) => client.query(text, values) }
      await sender!.send(queue, event, { db })
    }),
}

const round = async (boss: PgBoss, publish: Publish): Promise<number> => {
  const jobs = await boss.fetch<Event>(queue, { batchSize })
  await Promise.all(jobs.map(({ data }) => publish(data.id, data.payload)))
  if (jobs.length > 0)
    await boss.complete(
      queue,
      jobs.map(({ id }) => id),
    )
  return jobs.length
}

export const { drain, deliver } = workOf(peer)
