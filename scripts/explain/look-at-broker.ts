import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { describe, pause } from '../../shared/failure/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import {
  connectBroker,
  deadQueue,
  eventQueue,
  queueAnswers,
  retryQueue,
  type Session,
  uuidOf,
} from '../../shared/messaging/index.ts'
import { eachMessage, type Message } from '../broker/each-message.ts'
import type { BrokerSight, Letter, QueueSight } from './sight.ts'

const connectMs = 4_000
/** A queue that has a leader answers in milliseconds. */
const answerMs = 3_000
/** A broker that hangs is as good as none. */
const wholeLookMs = 20_000
const betweenLooksMs = 250
/** Steps of the retry ladder that are looked for. */
const maxSteps = 10
/** Messages of one queue that are read at most; they are put back as they were. */
const maxRead = 1_000

export interface BrokerLook {
  url: string
  namespace: string
  orderId: string
  eventIds: ReadonlySet<string>
  /** How often it is looked at most, until a message of the order is found set aside. */
  looks: number
}

/** Looks for the messages of one order. Work queues are only counted; a broker that can't be reached is an answer too. */
export const lookAtBroker = async (look: BrokerLook): Promise<BrokerSight> => {
  const late = ended(AbortSignal.timeout(wholeLookMs))
  return (
    (await Promise.race([lookClosely(look), late])) ?? {
      kind: 'down',
      reason: `it took the connection and did not answer within ${wholeLookMs / 1_000} s`,
    }
  )
}

const lookClosely = async (look: BrokerLook): Promise<BrokerSight> => {
  const connection = connectBroker({ url: look.url, name: 'explain', log: silentLog() })
  let isUp = false
  try {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    isUp = true
    for (let looked = 1; ; looked += 1) {
      const queues: Partial<Record<ServiceName, QueueSight>> = {}
      for (const service of services) queues[service] = await lookAtQueue(session, service, look)
      if (looked >= look.looks || Object.values(queues).some(tells))
        return { kind: 'up', queues: queues as Record<ServiceName, QueueSight> }
      await pause(betweenLooksMs)
    }
  } catch (error) {
    return { kind: isUp ? 'not looked at' : 'down', reason: describe(error) }
  } finally {
    await connection.close().catch(() => {})
  }
}

/** Nothing more is to be seen by looking again. */
const tells = (queue: QueueSight) =>
  queue.kind === 'silent' || (queue.kind === 'there' && queue.dead.length + queue.retrying.length > 0)

const lookAtQueue = async (session: Session, service: ServiceName, look: BrokerLook): Promise<QueueSight> => {
  const queue = eventQueue(look.namespace, service)
  const counted = await countsOf(session, queue)
  // A queue without a leader says that it is empty and has no consumer.
  const isDumb = typeof counted === 'object' && counted.consumers + counted.ready === 0
  const state = isDumb && !(await answers(session, queue)) ? 'silent' : counted
  if (state === 'missing' || state === 'silent') return { kind: state, queue }
  const retrying: Letter[] = []
  for (let step = 1; step <= maxSteps; step += 1) {
    const waiting = await countsOf(session, retryQueue(queue, step))
    if (waiting === 'missing') break
    if (waiting !== 'silent' && waiting.ready > 0)
      retrying.push(...(await peek(session, retryQueue(queue, step), look)))
  }
  const given = await countsOf(session, deadQueue(queue))
  const ready = typeof given === 'string' ? 0 : given.ready
  const dead = ready > 0 ? await peek(session, deadQueue(queue), look) : []
  return { kind: 'there', queue, ...state, retrying, dead, unread: Math.max(0, ready - maxRead) }
}

type Counts = { consumers: number; ready: number }

/** Asked on a channel of its own: a queue that is missing costs it. */
const countsOf = async (session: Session, queue: string): Promise<Counts | 'missing' | 'silent'> => {
  const channel = await session.createChannel()
  channel.on('error', () => {})
  try {
    const late = AbortSignal.timeout(answerMs)
    const answer = await Promise.race([channel.checkQueue(queue), ended(late)])
    if (answer === undefined) return 'silent'
    const { consumerCount: consumers, messageCount: ready } = answer
    return { consumers, ready }
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return 'missing'
    throw error
  } finally {
    void channel.close().catch(() => {})
  }
}

/** Whether a queue that says it is empty answers who asks for a message; what came in that moment is given back. */
const answers = async (session: Session, queue: string): Promise<boolean> => {
  const channel = await session.createChannel()
  channel.on('error', () => {})
  return queueAnswers(channel, queue)
    .then(
      () => true,
      () => false,
    )
    .finally(() => void channel.close().catch(() => {}))
}

const ended = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))

const peek = async (
  session: Session,
  queue: string,
  { orderId, eventIds }: BrokerLook,
): Promise<Letter[]> => {
  const channel = await session.createChannel()
  channel.on('error', () => {})
  const letters: Letter[] = []
  try {
    const keepOurs = ({ properties }: Message) => {
      const { messageId, correlationId } = properties
      const isOurs = uuidOf(correlationId) === orderId || eventIds.has(uuidOf(messageId) ?? '')
      if (isOurs) letters.push(letterOf(properties))
      return 'keep' as const
    }
    await eachMessage(channel, queue, keepOurs, { most: maxRead })
    return letters
  } finally {
    await channel.close().catch(() => {})
  }
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const letterOf = (properties: {
  messageId?: unknown
  type?: unknown
  headers?: object | undefined
}): Letter => {
  const headers = { ...properties.headers } as Record<string, unknown>
  const failures = Array.isArray(headers['x-failures']) ? headers['x-failures'] : []
  const attempt = headers['x-attempt']
  return {
    eventId: uuidOf(properties.messageId),
    type: textOf(properties.type),
    attempt: typeof attempt === 'number' ? attempt : 1,
    code: textOf(headers['x-reason-code']),
    reason:
      textOf(headers['x-reason']) ??
      textOf(headers['x-last-error']) ??
      textOf(headers['x-first-death-reason']) ??
      'no reason given',
    failures: failures.filter((it): it is string => typeof it === 'string'),
  }
}
