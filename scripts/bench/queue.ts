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

export const benchQueue = (runName: string): string => inNamespace(runName, 'events')

/** An exchange and a queue of one run's own; they are gone afterwards. All sides publish to the same kind of queue. */
export const withQueue = async <Result>(
  { amqpUrl, namespace, runName }: Pick<Scene, 'amqpUrl' | 'namespace' | 'runName'>,
  use: (queue: BenchQueue) => Promise<Result>,
): Promise<Result> => {
  const exchange = benchExchange(namespace)
  const queue = benchQueue(runName)
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

/** Removes from the broker what a run that failed or was ended has left there. Does nothing where nothing is left. */
export const deleteQueueOf = async ({
  amqpUrl,
  namespace,
  runName,
}: Pick<Scene, 'amqpUrl' | 'namespace' | 'runName'>): Promise<void> => {
  const connection = connectBroker({ url: amqpUrl, name: 'bench', log: silent })
  try {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    await channel.deleteQueue(benchQueue(runName))
    await channel.deleteExchange(benchExchange(namespace))
  } finally {
    await connection.close()
  }
}

/** A bench must not be fast by losing messages. */
export const expectAll = async ({ count }: BenchQueue, expected: number): Promise<void> => {
  const found = await count()
  if (found < expected) throw new Error(`${expected} messages were published, the queue holds ${found}`)
}
