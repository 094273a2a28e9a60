import { commands, commandsOf, type ServiceName, services } from '../../shared/contracts/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  deadQueue,
  eventQueue,
  inNamespace,
  retryQueue,
  type Session,
} from '../../shared/messaging/index.ts'
import { eachMessage, type Message } from '../broker/each-message.ts'

/** A message that its consumer gave up on. What could not be read of it is undefined. */
export interface DeadLetter {
  of: ServiceName
  /** Without the namespace: `user.events`, `order.create`, .. */
  queue: string
  /** A command has ids of its sender's own, which name no event and no order. */
  eventId: string | undefined
  orderId: string | undefined
  type: string | undefined
  reason: string
}

/** Messages that are ready; what a consumer has in hand is not counted. */
export interface Depth {
  work: number
  retry: number
}

/** What the broker holds for each service; undefined where it has no such queue. */
export interface BrokerView {
  depths: Readonly<Record<ServiceName, Depth | undefined>>
  dead: readonly DeadLetter[]
}

const connectMs = 3_000
/** Steps of the retry ladder that are looked for. */
const maxSteps = 10
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Looks at the queues of a namespace. Event queues are only counted. Dead letters of events and commands are read and put back as they
 * were, at most `most` of each queue. Throws Unavailable when the broker is not there.
 */
export const viewBroker = async (url: string, namespace: string, most: number): Promise<BrokerView> => {
  const connection = connectBroker({ url, name: 'audit', log: silentLog() })
  try {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const depths: Record<ServiceName, Depth | undefined> = {
      order: undefined,
      product: undefined,
      user: undefined,
    }
    const dead: DeadLetter[] = []
    for (const service of services) {
      depths[service] = await depthOf(session, eventQueue(namespace, service))
      for (const queue of [eventQueue('', service), ...commandsOf(service)])
        dead.push(...(await peek(session, { of: service, queue }, namespace, most)))
    }
    return { depths, dead }
  } finally {
    await close(connection)
  }
}

const close = (connection: BrokerConnection) => connection.close().catch(() => {})

const depthOf = async (session: Session, queue: string): Promise<Depth | undefined> => {
  const work = await readyIn(session, queue)
  if (work === undefined) return undefined
  let retry = 0
  for (let step = 1; step <= maxSteps; step += 1) {
    const ready = await readyIn(session, retryQueue(queue, step))
    if (ready === undefined) break
    retry += ready
  }
  return { work, retry }
}

/** Undefined when there is no such queue; that question costs its channel. */
const readyIn = async (session: Session, queue: string): Promise<number | undefined> => {
  const channel = await session.createChannel()
  channel.on('error', () => {})
  try {
    return (await channel.checkQueue(queue)).messageCount
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return undefined
    throw error
  } finally {
    await channel.close().catch(() => {})
  }
}

const peek = async (
  session: Session,
  from: Pick<DeadLetter, 'of' | 'queue'>,
  namespace: string,
  most: number,
): Promise<DeadLetter[]> => {
  const queue = deadQueue(inNamespace(namespace, from.queue))
  if (((await readyIn(session, queue)) ?? 0) === 0) return []
  const channel = await session.createChannel()
  channel.on('error', () => {})
  try {
    const letters: DeadLetter[] = []
    const keep = (message: Message) => {
      letters.push(letterOf(from, message))
      return 'keep' as const
    }
    await eachMessage(channel, queue, keep, { most })
    return letters
  } finally {
    await channel.close().catch(() => {})
  }
}

const idOf = (value: unknown) =>
  typeof value === 'string' && uuid.test(value) ? value.toLowerCase() : undefined
const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const letterOf = (from: Pick<DeadLetter, 'of' | 'queue'>, { properties }: Message): DeadLetter => {
  const headers: Record<string, unknown> = properties.headers ?? {}
  const code = textOf(headers['x-reason-code'])
  const reason = textOf(headers['x-reason']) ?? textOf(headers['x-first-death-reason'])
  const isEvent = !(from.queue in commands)
  return {
    ...from,
    eventId: isEvent ? idOf(properties.messageId) : undefined,
    orderId: isEvent ? idOf(properties.correlationId) : undefined,
    type: isEvent ? textOf(properties.type) : `a command on ${from.queue}`,
    reason: [code, reason].filter((it) => it !== undefined).join(': ') || 'no reason given',
  }
}
