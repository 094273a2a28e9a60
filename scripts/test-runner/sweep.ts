import { services } from '../../shared/contracts/index.ts'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { connectBroker } from '../../shared/messaging/index.ts'
import { leftBehind, type Made, strikeOut } from '../../shared/testing/index.ts'
import { databaseNameOf, type Servers, topologyOf } from '../infra/index.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const connectMs = 10_000
/** As long as the longest ladder that tests declare. */
const retryDelaysMs = [1, 1, 1, 1]

/**
 * Removes what killed tests left on the servers: databases, queues and exchanges of their namespaces. Left alone they add up until
 * the broker has no file descriptors for anyone.
 */
export const sweep = async (
  { postgresUrl, amqpUrl }: Servers,
  log: (line: string) => void,
): Promise<void> => {
  const left = leftBehind()
  if (left.length === 0) return
  log(`removing what ${left.length} killed tests left`)
  await dropDatabases(postgresUrl, left)
  await deleteNames(amqpUrl, left)
  left.forEach(strikeOut)
}

const namespacesIn = (left: readonly Made[]) =>
  left.filter(({ kind }) => kind === 'namespace').map(({ name }) => name)

const dropDatabases = (postgresUrl: string, left: readonly Made[]) =>
  withClient(databaseOf(postgresUrl, 'postgres'), async (client) => {
    const named = left.filter(({ kind }) => kind === 'database').map(({ name }) => name)
    const ofSystems = namespacesIn(left).flatMap((namespace) =>
      services.map((service) => databaseNameOf(service, namespace)),
    )
    for (const name of [...named, ...ofSystems])
      await client.query(`drop database if exists "${name}" with (force)`)
  })

const deleteNames = async (amqpUrl: string, left: readonly Made[]) => {
  const connection = connectBroker({ url: amqpUrl, name: 'sweep', log: silent })
  try {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    for (const namespace of namespacesIn(left)) {
      const { queues, exchanges } = topologyOf({ namespace, retryDelaysMs })
      for (const { name } of queues) await channel.deleteQueue(name)
      await channel.deleteQueue(`${namespace}.wiretap`)
      for (const { name } of exchanges) await channel.deleteExchange(name)
    }
    await channel.close()
  } finally {
    await connection.close()
  }
}
