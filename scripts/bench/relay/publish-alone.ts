import { randomUUID } from 'node:crypto'
import { payloadOf } from '../events.ts'
import type { Outcome } from '../part.ts'
import { expectAll, withQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'
import { publishRaw, withRawChannel } from './raw-channel.ts'
import { waitingEvents } from './workload.ts'

const inFlight = 1_000

/** The ceiling of any relay: no database at all. */
export const publishAlone = (scene: Scene): Promise<Outcome> =>
  withQueue(scene, (queue) =>
    withRawChannel(scene.amqpUrl, async (channel) => {
      const count = scene.scaled(waitingEvents)
      const content = Buffer.from(JSON.stringify(payloadOf(scene.bytes)))
      let left = count
      const lane = async () => {
        while (left > 0) {
          left -= 1
          await publishRaw(channel, queue.exchange, { id: randomUUID(), content })
        }
      }
      const seconds = await scene.window(count, async () => {
        await Promise.all(Array.from({ length: inFlight }, lane))
      })
      await expectAll(queue, count)
      return { figures: { rate: count / seconds } }
    }),
  )
