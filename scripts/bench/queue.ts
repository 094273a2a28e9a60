import { randomBytes } from 'node:crypto'
import { connectBroker, declareTopology, inNamespace, type Topology } from '../../shared/messaging/index.ts'
import type { Scene } from './scene.ts'

/** The exchange that everything of a run is published to. */
export const benchExchange = (namespace: string): string => inNamespace(namespace, 'EX_BENCH')

export interface BenchQueue {
  /** A fanout exchange that leads to the queue alone. */
  exchange: string
  /** Durable, of the quorum type. */
  queue: string
  /** How many messages lie in it. */
  count(): Promise<number>
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const connectMs = 10_000

/** An exchange and a queue of one run's own; they are gone afterwards. All sides publish to the same kind of queue. */
export const withQueue = async <Result>(
  { amqpUrl, namespace }: Pick<Scene, 'amqpUrl' | 'namespace'>,
  use: (queue: BenchQueue) => Promise<Result>,
): Promise<Result> => {
  const exchange = benchExchange(namespace)
  const queue = inNamespace(namespace, `bench.${randomBytes(4).toString('hex')}`)
  const topology: Topology = {
    exchanges: [{ name: exchange, type: 'fanout' }],
    exchangeBindings: [],
    queues: [{ name: queue, arguments: { 'x-queue-type': 'quorum' } }],
    bindings: [{ exchange, queue, key: '' }],
  }
  const connection = connectBroker({ url: amqpUrl, name: 'bench', log: silent })
  try {
    await declareTopology(connection, topology)
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    try {
      return await use({
        exchange,
        queue,
        count: async () => (await channel.checkQueue(queue)).messageCount,
      })
    } finally {
      await channel.deleteQueue(queue)
      await channel.deleteExchange(exchange)
      await channel.close()
    }
  } finally {
    await connection.close()
  }
}

/** A bench must not be fast by losing messages. */
export const expectAll = async ({ count }: BenchQueue, expected: number): Promise<void> => {
  const found = await count()
  if (found < expected) throw new Error(`${expected} messages were published, the queue holds ${found}`)
}
