import type pg from 'pg'
import { createRelay, type RelayTransport } from '../../../shared/outbox/index.ts'
import { percentiles } from '../../compare/index.ts'
import { watchClaims } from '../claims.ts'
import { withFilled } from '../databases.ts'
import { fillOutbox } from '../events.ts'
import type { Outcome } from '../part.ts'
import { benchExchange, expectAll, withQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'
import { withTransport } from './transport.ts'
import { waitingEvents } from './workload.ts'

/** The relay as a service runs it: its own session, the real publisher, CloudEvents, mandatory. Until every row is marked. */
export const drain = (scene: Scene, keptAtFullScale: number): Promise<Outcome> => {
  const waiting = scene.scaled(waitingEvents)
  const published = keptAtFullScale === 0 ? 0 : scene.scaled(keptAtFullScale)
  const rows = { exchange: benchExchange(scene.namespace), waiting, published, bytes: scene.bytes }
  const filling = {
    name: `outbox_${waiting}_${published}_${scene.bytes}`,
    service: 'order' as const,
    fill: (client: pg.Client) => fillOutbox(client, rows),
  }
  return withFilled(scene, filling, (url) =>
    withQueue(scene, (queue) =>
      withTransport(scene, queue, async (transport) => {
        const claims = watchClaims()
        const seconds = await scene.window(waiting, () => relayUntil(waiting, url, transport))
        await expectAll(queue, waiting)
        const claimP99 = percentiles(claims).p99 ?? Number.NaN
        return { figures: { rate: waiting / seconds, claimP99 }, raw: { claimMs: claims } }
      }),
    ),
  )
}

const relayUntil = (rows: number, databaseUrl: string, transport: RelayTransport): Promise<void> =>
  new Promise((resolve) => {
    let done = 0
    const relay = createRelay({
      databaseUrl,
      transport,
      observer: {
        published: (count) => {
          done += count
          if (done >= rows) void relay.stop().then(resolve)
        },
        error: (error) => console.error(error),
      },
    })
    relay.start()
  })
