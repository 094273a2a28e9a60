import { services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { connectBroker } from '../../shared/messaging/index.ts'
import { databaseNameOf, topologyOf } from '../infra/index.ts'
import { retryDelaysMs } from './system.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const connectMs = 10_000

interface Server {
  url: string
}

/** Removes what a leg left on the servers, so that the last leg finds them as the first one did. */
export const cleanUp = async (
  { postgres, broker }: { postgres: Server; broker: Server },
  namespace: string,
): Promise<void> => {
  await withClient(postgres.url, async (client) => {
    for (const service of services) {
      const name = client.escapeIdentifier(databaseNameOf(service, namespace))
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    }
  })
  const connection = connectBroker({ url: broker.url, name: 'compare', log: silent })
  try {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    channel.on('error', () => {})
    const { queues, exchanges } = topologyOf({ namespace, retryDelaysMs })
    for (const { name } of queues) await channel.deleteQueue(name)
    for (const { name } of exchanges) await channel.deleteExchange(name)
    await channel.close()
  } finally {
    await connection.close()
  }
}
