import type { ConsumeMessage, Options } from 'amqplib'
import { describe } from '../failure/index.ts'
import { keepChannel } from './channel-keeper.ts'
import type { BrokerConnection } from './connection.ts'
import { type ConsumeOptions, type Consumer, consume } from './consumer.ts'
import type { Log } from './log-port.ts'
import type { PublishOutcome } from './publish-outcome.ts'
import type { Publisher } from './publisher.ts'
import { settle } from './settle.ts'

interface Outgoing {
  body: unknown
  properties: Options.Publish
}

/** Point to point: to one queue by its name, over the default exchange. Returned when there is no such queue. */
export const publishDefault = (
  publisher: Publisher,
  to: Outgoing & { queue: string },
): Promise<PublishOutcome> =>
  publisher.publish({ ...to, exchange: '', routingKey: to.queue, mandatory: true })

/** Works on a queue: retries, dead letters, re-subscription. */
export const consumeDefault = (connection: BrokerConnection, options: ConsumeOptions): Consumer =>
  consume(connection, options)

interface Broadcast extends Outgoing {
  exchange: string
  routingKey: string
  /** Whether it is an error that nobody listens. */
  mandatory: boolean
}

/** Broadcast: to everyone who listens to a service. */
export const publishFanout = (publisher: Publisher, to: Broadcast): Promise<PublishOutcome> =>
  publisher.publish(to)

/** By pattern: to everyone who listens for this routing key. */
export const publishTopic = (publisher: Publisher, to: Broadcast): Promise<PublishOutcome> =>
  publisher.publish(to)

export interface ObserveOptions {
  exchange: string
  /** Sees each message once it is there; what it throws is logged. Nothing is retried, nothing is kept while nobody watches. */
  handle(message: ConsumeMessage): void | Promise<void>
  log: Log
  onSubscribed?: () => void
}

export interface Observing {
  stop(): Promise<void>
}

/** Watches all that a fanout exchange says, from now on. */
export const consumeFanout = (connection: BrokerConnection, options: ObserveOptions): Observing =>
  observe(connection, { ...options, patterns: [''] })

/** Watches what a topic exchange says under some patterns (`update.*`, `#`), from now on. */
export const consumeTopic = (
  connection: BrokerConnection,
  options: ObserveOptions & { patterns: readonly string[] },
): Observing => observe(connection, options)

const observerPrefetch = 100

// The queue is this connection's alone, has the broker's name and goes with its channel: an observer leaves nothing behind.
const observe = (
  connection: BrokerConnection,
  { exchange, patterns, handle, log, onSubscribed }: ObserveOptions & { patterns: readonly string[] },
): Observing =>
  keepChannel(connection, {
    log,
    name: `the observer of ${exchange}`,
    open: (session) => session.createChannel(),
    async use(lease) {
      const { channel, retire } = lease
      const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false })
      for (const pattern of patterns) await channel.bindQueue(queue, exchange, pattern)
      await channel.prefetch(observerPrefetch)
      await channel.consume(queue, async (message) => {
        if (message === null) return retire('the broker cancelled the observer')
        try {
          await handle(message)
        } catch (error) {
          log.warn({ exchange, reason: describe(error) }, 'observer threw')
        }
        settle(lease, message, 'ack', log)
      })
      onSubscribed?.()
    },
  })
