import type { Channel, GetMessage } from 'amqplib'
import { eventually } from '../testing/index.ts'
import { type BrokerConnection, connectBroker } from './connection.ts'
import { declareTopology } from './declare-topology.ts'
import type { Log } from './log-port.ts'
import { openPublisher, type Publisher } from './publisher.ts'
import { systemTopology, type Topology } from './topology.ts'

/** A log that keeps its lines, for tests of this room. */
export const createKeptLog = (): Log & { lines: string[] } => {
  const lines: string[] = []
  const write = (fields: Record<string, unknown>, text: string) =>
    void lines.push(`${text} ${JSON.stringify(fields)}`)
  return { lines, debug: write, info: write, warn: write, error: write }
}

/** A system of two services on a broker, with short retries. */
export interface Bench {
  url: string
  log: Log & { lines: string[] }
  topology: Topology
  /** For consumers. */
  connection: BrokerConnection
  publisher: Publisher
  channel: Channel
  queue: string
  exchange: string
  /** Publishes to the service that hears `order.create`. */
  send(body: unknown, properties?: object): Promise<void>
  take(queue: string, withinMs?: number): Promise<GetMessage>
  count(queue: string): Promise<number>
}

export const benchDelaysMs = [100, 300]

export const withBench = async (
  { url, namespace }: { url: string; namespace: string },
  use: (bench: Bench) => Promise<void>,
  { heartbeatSeconds = 10, confirmTimeoutMs = 5_000, connectTimeoutMs = 5_000 } = {},
): Promise<void> => {
  const log = createKeptLog()
  const topology = systemTopology(
    namespace,
    { order: ['update.stock'], product: ['order.create'] },
    benchDelaysMs,
  )
  const connection = connectBroker({ url, name: 'bench consume', log, heartbeatSeconds, connectTimeoutMs })
  const publishing = connectBroker({ url, name: 'bench publish', log, heartbeatSeconds, connectTimeoutMs })
  const exchanges = topology.exchanges.map((it) => it.name)
  const publisher = openPublisher(publishing, { log, exchanges, confirmTimeoutMs })
  const exchange = exchanges[0] as string
  try {
    await declareTopology(connection, topology)
    await publisher.ready(AbortSignal.timeout(10_000))
    const { channel, close } = await ownChannel(connection)
    await use({
      url,
      log,
      topology,
      connection,
      publisher,
      channel,
      exchange,
      queue: `${namespace}.product.events`,
      async send(body, properties = {}) {
        const to = { exchange, routingKey: 'order.create', mandatory: true }
        const outcome = await publisher.publish({
          ...to,
          body,
          properties: { deliveryMode: 2, ...properties },
        })
        if (outcome.kind !== 'confirmed') throw new Error(JSON.stringify(outcome))
      },
      take: (queue, withinMs = 10_000) =>
        eventually(async () => await channel.get(queue, { noAck: true }), { withinMs }),
      count: async (queue) => (await channel.checkQueue(queue)).messageCount,
    })
    await close()
  } finally {
    await publisher.close()
    await publishing.close()
    await connection.close()
  }
}

const ownChannel = async (connection: BrokerConnection) => {
  const session = await connection.connected(AbortSignal.timeout(10_000))
  const channel = await session.createChannel()
  return { channel, close: () => channel.close().catch(() => {}) }
}
