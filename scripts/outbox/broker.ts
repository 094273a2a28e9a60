import { describe, Refused, Unavailable } from '../../shared/failure/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  openPublisher,
  type Publisher,
} from '../../shared/messaging/index.ts'
import type { Channel } from '../broker/each-message.ts'
import { topologyOf } from '../infra/provision.ts'
import type { Settings } from './settings.ts'

export interface Broker {
  publisher: Publisher
  /** Ready messages; undefined when there is no such queue. */
  depthOf(queue: string): Promise<{ messages: number; consumers: number } | undefined>
  withChannel<Result>(use: (channel: Channel) => Promise<Result>): Promise<Result>
}

const connectMs = 5_000

export const topologyFor = ({ sagaNamespace, retryDelaysMs }: Settings) =>
  topologyOf({ namespace: sagaNamespace, retryDelaysMs })

/** Connects, or throws Unavailable within seconds. */
export const withBroker = async <Result>(
  settings: Settings,
  use: (broker: Broker) => Promise<Result>,
): Promise<Result> => {
  const connection = connectBroker({ url: settings.amqpUrl, name: 'outbox command', log: silentLog() })
  const exchanges = topologyFor(settings).exchanges.map(({ name }) => name)
  let publisher: Publisher | undefined
  try {
    await connection.connected(AbortSignal.timeout(connectMs)).catch((error) => {
      throw /ACCESS[-_]REFUSED/.test(describe(error)) ? loginRefused(connection.user, error) : error
    })
    publisher = openPublisher(connection, { log: silentLog(), exchanges })
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

const loginCode = 'broker.login'

export const isLoginRefused = (error: unknown): boolean =>
  error instanceof Unavailable && error.code === loginCode

const loginRefused = (user: string, cause: unknown) =>
  new Unavailable(`The broker refused the login of ${user}.`, {
    code: loginCode,
    next: 'check user and password in AMQP_URL',
    cause,
  })

const brokerOver = (connection: BrokerConnection, publisher: Publisher): Broker => {
  const withChannel: Broker['withChannel'] = async (use) => {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    try {
      return await use(channel)
    } catch (error) {
      if (!session.closed.aborted || error instanceof Unavailable) throw error
      throw new Unavailable('The connection to the broker was lost.', {
        code: 'broker.unavailable',
        next: 'the same command again when the broker answers',
        cause: error,
      })
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
