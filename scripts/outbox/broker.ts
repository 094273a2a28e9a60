import { Refused, Unavailable } from '../../shared/failure/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  openPublisher,
  type Publisher,
  type Session,
} from '../../shared/messaging/index.ts'
import { topologyOf } from '../infra/provision.ts'
import type { Settings } from './settings.ts'

export type Channel = Awaited<ReturnType<Session['createChannel']>>

export interface Broker {
  publisher: Publisher
  /** Ready messages; undefined when there is no such queue. */
  depthOf(queue: string): Promise<{ messages: number; consumers: number } | undefined>
  withChannel<Result>(use: (channel: Channel) => Promise<Result>): Promise<Result>
}

const connectMs = 5_000
const silent = { debug() {}, info() {}, warn() {}, error() {} }

export const topologyFor = ({ sagaNamespace, retryDelaysMs }: Settings) =>
  topologyOf({ namespace: sagaNamespace, retryDelaysMs })

/** Connects, or throws Unavailable within seconds. */
export const withBroker = async <Result>(
  settings: Settings,
  use: (broker: Broker) => Promise<Result>,
): Promise<Result> => {
  const connection = connectBroker({ url: settings.amqpUrl, name: 'outbox command', log: silent })
  const exchanges = topologyFor(settings).exchanges.map(({ name }) => name)
  let publisher: Publisher | undefined
  try {
    await connection.connected(AbortSignal.timeout(connectMs))
    publisher = openPublisher(connection, { log: silent, exchanges })
    await publisher.ready(AbortSignal.timeout(connectMs)).catch((cause) => {
      throw new Unavailable('The broker takes no messages at present (an alarm of memory or disk?).', {
        code: 'broker.blocked',
        cause,
      })
    })
    return await use(brokerOver(connection, publisher))
  } finally {
    await publisher?.close().catch(() => {})
    await connection.close().catch(() => {})
  }
}

const brokerOver = (connection: BrokerConnection, publisher: Publisher): Broker => {
  const withChannel: Broker['withChannel'] = async (use) => {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    try {
      return await use(channel)
    } finally {
      await channel.close().catch(() => {})
    }
  }
  return {
    publisher,
    withChannel,
    depthOf: (queue) =>
      withChannel(async (channel) => {
        try {
          const { messageCount, consumerCount } = await channel.checkQueue(queue)
          return { messages: messageCount, consumers: consumerCount }
        } catch (error) {
          if ((error as { code?: unknown }).code === 404) return undefined
          throw error
        }
      }),
  }
}

export const noQueue = (queue: string, next: string) =>
  new Refused('not_found', `There is no queue ${queue} on the broker.`, { code: 'outbox.no_queue', next })
