import { withClient } from '../../../shared/database/migrations/index.ts'
import { createRelay, type RelayTransport } from '../../../shared/outbox/index.ts'
import { percentiles } from '../../compare/index.ts'
import { askClaims, watchClaims } from '../claims.ts'
import { type Filling, withFilled } from '../databases.ts'
import { fillOutbox } from '../events.ts'
import type { Outcome } from '../part.ts'
import { benchExchange, expectAll, withQueue } from '../queue.ts'
import { withTransport } from '../relay/transport.ts'
import type { Scene } from '../scene.ts'

/** At full scale. */
export interface Backlogs {
  /** Events that wait when a drain begins. */
  waiting: number
  /** How many drains: a small one alone is over before it can be measured. */
  times: number
  /** Published rows that lie in the same table. */
  kept: number
}

const warmUpEvents = 5_000
const claimsAsked = 300
/** Its poll would begin a drain before it is told of one. */
const pollMs = 600_000

/** The relay as a service runs it, warm, and told of one backlog after another; each drain is timed from there to its last mark. */
export const drainBacklogs = (scene: Scene, { waiting, times, kept }: Backlogs): Promise<Outcome> =>
  withFilled(scene, keptRows(scene, kept === 0 ? 0 : scene.scaled(kept)), (url) =>
    withQueue(scene, (queue) =>
      withTransport(scene, queue, async (transport) => {
        const waited = watchClaims()
        const [warmUp, each] = [scene.scaled(warmUpEvents), scene.scaled(waiting)]
        let seconds = 0
        await withRelay(url, transport, async (drain) => {
          await append(scene, url, warmUp)
          await drain(warmUp)
          waited.length = 0
          for (let nth = 0; nth < times; nth += 1) {
            await append(scene, url, each)
            seconds += await scene.window(each, () => drain(each))
          }
        })
        await expectAll(queue, warmUp + times * each)
        const waitedMs = [...waited]
        await append(scene, url, each)
        const claims = await askClaims(url, claimsAsked)
        const figures = {
          each: (seconds * 1e6) / (times * each),
          executedP99: percentiles(claims.executed).p99!,
          claimP50: percentiles(claims.answered).p50!,
          claimP99: percentiles(claims.answered).p99!,
          waitedP99: percentiles(waitedMs).p99!,
        }
        return { figures, raw: { ...claims, waited: waitedMs } }
      }),
    ),
  )

const rowsOf = ({ namespace, bytes }: Scene) => ({ exchange: benchExchange(namespace), bytes })

const keptRows = (scene: Scene, kept: number): Filling => ({
  name: `outbox_0_${kept}_${scene.bytes}`,
  service: 'order',
  fill: (client) => fillOutbox(client, { ...rowsOf(scene), waiting: 0, published: kept }),
})

const append = (scene: Scene, url: string, waiting: number): Promise<void> =>
  withClient(url, async (client) => {
    await fillOutbox(client, { ...rowsOf(scene), waiting, published: 0 })
    await client.query('vacuum analyze outbox')
  })

/** Publishes and marks so many events that wait, and no other ones may wait. */
type Drain = (events: number) => Promise<void>

const withRelay = async (
  databaseUrl: string,
  transport: RelayTransport,
  use: (drain: Drain) => Promise<void>,
): Promise<void> => {
  let left = 0
  let drained = () => {}
  const published = (count: number) => {
    left -= count
    if (left === 0) drained()
  }
  const observer = { published, error: (error: unknown) => console.error(error) }
  const relay = createRelay({ databaseUrl, transport, pollMs, observer })
  relay.start()
  try {
    await use(
      (events) =>
        new Promise((resolve) => {
          drained = resolve
          // The first ones may be out before they are waited for: a relay that begins to lead needs no telling.
          published(-events)
          relay.wake()
        }),
    )
  } finally {
    await relay.stop()
  }
}
