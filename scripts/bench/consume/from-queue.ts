import { serviceSettings } from '../../../shared/config/index.ts'
import { noFaults } from '../../../shared/lifecycle/index.ts'
import { createLog } from '../../../shared/log/index.ts'
import { type BrokerConnection, connectBroker, consume } from '../../../shared/messaging/index.ts'
import { createListener } from '../../../shared/service/index.ts'
import type { Outcome } from '../part.ts'
import { type BenchQueue, expectAll, withQueue } from '../queue.ts'
import { withTransport } from '../relay/transport.ts'
import type { Scene } from '../scene.ts'
import { door, type Placed, type Shop, type ShopOptions, withShop } from './shop.ts'

const log = createLog({ service: 'bench', level: 'silent' })
const nothing = () => {}
const publishedAtATime = 500
const prefetch = serviceSettings.PREFETCH.parse(undefined)

/** OrderPlaced events that wait in a quorum queue, through the consumer and the listener of the services, to the last acknowledgement. */
export const consumeQueue = (scene: Scene, { batch, ...options }: ShopOptions): Promise<Outcome> =>
  withShop(scene, options, (shop) =>
    withQueue(scene, async (queue) => {
      await preload(scene, queue, shop.placed)
      const connection = connectBroker({ url: scene.amqpUrl, name: 'bench consume', log })
      try {
        await connection.connected(AbortSignal.timeout(10_000))
        const count = shop.placed.length
        const seconds = await scene.window(count, () => handleAll(connection, queue, shop, batch))
        return { figures: { rate: count / seconds } }
      } finally {
        await connection.close()
      }
    }),
  )

const preload = (scene: Scene, queue: BenchQueue, placed: readonly Placed[]): Promise<void> =>
  withTransport(scene, queue, async (transport) => {
    const row = { type: 'OrderPlaced', exchange: queue.exchange, routingKey: 'order.create', headers: {} }
    for (let from = 0; from < placed.length; from += publishedAtATime) {
      const some = placed.slice(from, from + publishedAtATime).map(({ id, data }) => {
        const own = { id: 0n, eventId: id, aggregateId: data.orderId, createdAt: new Date() }
        return transport.publish({ ...row, ...own, payloadText: JSON.stringify(data), attempts: 0 })
      })
      await Promise.all(some)
    }
    await expectAll(queue, placed.length)
  })

const handleAll = async (
  connection: BrokerConnection,
  { queue }: BenchQueue,
  { act, placed }: Shop,
  maxBatch: number,
): Promise<void> => {
  const { user } = connection
  const listening = { act, door, maxBatch, ownUser: user, hears: ['OrderPlaced'] as const, publishers: {} }
  const signal = new AbortController().signal
  const observer = { batch: nothing, duplicate: nothing }
  const listen = createListener({ ...listening, observer, signal, fault: noFaults, log })
  const nowhere = async (): Promise<never> => {
    throw new Error('nothing is to be set aside')
  }
  let left = placed.length
  await new Promise<void>((resolve, reject) => {
    const consumer = consume(connection, {
      queue,
      prefetch,
      publisher: { publish: nowhere, ready: nowhere },
      retryDelaysMs: [],
      log,
      handle: async (message) => {
        const outcome = await listen(message)
        if (outcome.kind !== 'ack') reject(new Error(`an event was not handled: ${JSON.stringify(outcome)}`))
        left -= 1
        if (left === 0) consumer.stop().then(resolve, reject)
        return outcome
      },
    })
  })
}
