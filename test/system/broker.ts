import { Buffer } from 'node:buffer'
import { silentLog } from '../../shared/log/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  consume,
  deadQueue,
  eventQueue,
  type Session,
  topicExchange,
} from '../../shared/messaging/index.ts'

type Channel = Awaited<ReturnType<Session['createChannel']>>
type ConfirmChannel = Awaited<ReturnType<Session['createConfirmChannel']>>
export type Properties = NonNullable<Parameters<Channel['publish']>[3]>

/** A message as the wiretap or a dead-letter queue had it. */
export interface Seen {
  id: string
  type: string
  routingKey: string
  orderId: string
  /** The broker handed it over before: the same copy again, not another. */
  redelivered: boolean
  body: Buffer
  properties: Properties
  headers: Record<string, unknown>
}

export interface Sending {
  /** The default exchange, and so a queue, when not said. */
  exchange?: string
  routingKey: string
  /** Objects as JSON; bytes and strings as they are. */
  body: unknown
  properties?: Properties
}

/** A client of the broker that keeps no queue. */
export interface BrokerAccess {
  connection: BrokerConnection
  /** Publishes by hand, in order, and resolves when the broker has confirmed all. Rejects when it closes the channel. */
  publish(...messages: readonly Sending[]): Promise<void>
  withChannel<Result>(use: (channel: ConfirmChannel) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export interface SystemBroker extends BrokerAccess {
  /** Every message that passed EX_TOPIC, in the order of its queue. */
  wiretap: readonly Seen[]
  /** Messages that are ready in a queue. */
  count(queue: string): Promise<number>
  /** Takes all messages off a service's dead-letter queue. */
  takeDead(service: string): Promise<Seen[]>
}

export const wiretapQueue = (namespace: string): string => `${namespace}.wiretap`

const log = silentLog()

export const openBrokerAccess = (url: string, name: string): BrokerAccess => {
  const connection = connectBroker({ url, name, log })
  const withChannel: BrokerAccess['withChannel'] = async (use) => {
    const session = await connection.connected(AbortSignal.timeout(30_000))
    const channel = await session.createConfirmChannel()
    const lost = new Promise<never>((_, reject) => channel.once('error', reject))
    try {
      return await Promise.race([use(channel), lost])
    } finally {
      lost.catch(() => {})
      await channel.close().catch(() => {})
    }
  }
  return {
    connection,
    withChannel,
    publish: (...messages) =>
      withChannel(async (channel) => {
        for (const { exchange = '', routingKey, body, properties } of messages)
          channel.publish(exchange, routingKey, bytesOf(body), { deliveryMode: 2, ...properties })
        await channel.waitForConfirms()
      }),
    close: () => connection.close(),
  }
}

/** The broker as a stranger sees it: over AMQP, with the names that the design fixes. Survives the broker's restarts. */
export const openSystemBroker = async (url: string, namespace: string): Promise<SystemBroker> => {
  const access = openBrokerAccess(url, `${namespace} test`)
  const { connection, withChannel } = access
  const wiretap: Seen[] = []
  const queue = wiretapQueue(namespace)
  await withChannel(async (channel) => {
    await channel.assertExchange(topicExchange(namespace), 'topic', { durable: true })
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await channel.bindQueue(queue, topicExchange(namespace), '#')
  }).catch(async (error) => {
    await access.close()
    throw error
  })
  const never = { publish: () => new Promise<never>(() => {}), ready: async () => {} }
  const listening = consume(connection, {
    queue,
    prefetch: 500,
    publisher: never,
    retryDelaysMs: [],
    log,
    async handle(message) {
      wiretap.push(seen(message))
      return { kind: 'ack' }
    },
  })

  return {
    ...access,
    wiretap,
    count: (name) => withChannel(async (channel) => (await channel.checkQueue(name)).messageCount),
    takeDead: (service) =>
      withChannel(async (channel) => {
        const taken: Seen[] = []
        for (;;) {
          const message = await channel.get(deadQueue(eventQueue(namespace, service)), { noAck: true })
          if (message === false) return taken
          taken.push(seen(message))
        }
      }),
    async close() {
      await listening.stop()
      await access.close()
    },
  }
}

const bytesOf = (body: unknown): Buffer => {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

interface Delivered {
  content: Buffer
  properties: { messageId?: unknown; type?: unknown; correlationId?: unknown; headers?: object | undefined }
  fields: { routingKey: string; redelivered: boolean }
}

const seen = ({ content, properties, fields }: Delivered): Seen => ({
  id: String(properties.messageId),
  type: String(properties.type),
  routingKey: fields.routingKey,
  orderId: String(properties.correlationId),
  redelivered: fields.redelivered,
  body: content,
  properties: properties as Properties,
  headers: { ...properties.headers },
})
