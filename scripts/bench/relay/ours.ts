import type pg from 'pg'
import { withClient } from '../../../shared/database/migrations/index.ts'
import { createRelay, type RelayTransport } from '../../../shared/outbox/index.ts'
import { percentiles } from '../../compare/index.ts'
import { askClaims, rowsAtMost, watchClaims } from '../claims.ts'
import { withFilled } from '../databases.ts'
import { fillOutbox } from '../events.ts'
import type { Outcome } from '../part.ts'
import { benchExchange, expectAll, withQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'
import { withTransport } from './transport.ts'
import { waitingEvents } from './workload.ts'

const claimsAsked = 100

/**
 * The relay as a service runs it: its own session, the real publisher, CloudEvents, mandatory. Until every row is marked; then the
 * claim alone is asked for, on the table as the drain left it.
 */
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
        const waited = watchClaims()
        const seconds = await scene.window(waiting, () => relayUntil(waiting, url, transport))
        await expectAll(queue, waiting)
        const waitedMs = [...waited]
        await withClient(url, (client) => fillOutbox(client, { ...rows, waiting: rowsAtMost, published: 0 }))
        const claims = await askClaims(url, claimsAsked)
        const claimP99 = percentiles(claims.executed).p99!
        const waitedP99 = percentiles(waitedMs).p99!
        const figures = { rate: waiting / seconds, claimP99, waitedP99 }
        return { figures, raw: { ...claims, waited: waitedMs } }
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
