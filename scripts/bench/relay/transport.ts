import { connectBroker, openPublisher } from '../../../shared/messaging/index.ts'
import type { RelayTransport } from '../../../shared/outbox/index.ts'
import { transportOver } from '../../../shared/service/index.ts'
import type { BenchQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** The way of an outbox row to the broker as the services have it, ready to publish. */
export const withTransport = async <Result>(
  { amqpUrl }: Scene,
  { exchange }: BenchQueue,
  use: (transport: RelayTransport) => Promise<Result>,
): Promise<Result> => {
  const connection = connectBroker({ url: amqpUrl, name: 'bench publish', log: silent })
  const publisher = openPublisher(connection, { log: silent, exchanges: [exchange] })
  try {
    const transport = transportOver('order', publisher, { ready: async () => {} })
    await transport.ready(AbortSignal.timeout(10_000))
    return await use(transport)
  } finally {
    await publisher.close()
    await connection.close()
  }
}
