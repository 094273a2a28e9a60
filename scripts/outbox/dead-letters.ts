import { commands, services } from '../../shared/contracts/index.ts'
import { deadQueue, inNamespace } from '../../shared/messaging/index.ts'
import { consumerOf } from '../audit/hearing.ts'
import { eachMessage, type Message, type Verdict } from '../broker/each-message.ts'
import { type Broker, topologyFor } from './broker.ts'
import type { Settings } from './settings.ts'

/** A message that its consumer gave up on. What it does not say is undefined. */
export interface DeadLetter {
  /** The queue whose consumer gave up. */
  queue: string
  id: string | undefined
  type: string | undefined
  orderId: string | undefined
  /** Stable, for filters: `retries.exhausted`, `event.data`, .. */
  code: string
  reason: string
  failedAt: string | undefined
  attempt: number | undefined
  /** What went wrong each time, oldest first. */
  failures: string[]
  message: Message
}

export interface DeadFilter {
  reason?: readonly string[] | undefined
  type?: readonly string[] | undefined
  order?: string | undefined
  id?: string | undefined
}

export const matchesDead = (letter: DeadLetter, { reason, type, order, id }: DeadFilter): boolean =>
  (reason === undefined || reason.includes(letter.code)) &&
  (type === undefined || type.includes(letter.type ?? '')) &&
  (order === undefined || letter.orderId === order) &&
  (id === undefined || letter.id === id)

/** Every queue that has a dead-letter queue. */
export const queuesWithDeadLetters = (settings: Settings): string[] => {
  const suffix = deadQueue('')
  return topologyFor(settings)
    .queues.map(({ name }) => name)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
}

/** Whether what is dead there can be given back: events and commands can, requests have nobody waiting any more. */
export const isRedrivable = (queue: string, { sagaNamespace }: Settings): boolean =>
  [...services.map(consumerOf), ...Object.keys(commands)].some(
    (name) => queue === inNamespace(sagaNamespace, name),
  )

/** Shows the dead letters of a queue as `eachMessage` does: those that are there when it begins, at most `most`. */
export const eachDeadLetter = async (
  broker: Broker,
  queue: string,
  judge: (letter: DeadLetter) => Verdict | Promise<Verdict>,
  { most = Number.POSITIVE_INFINITY, signal }: { most?: number; signal?: AbortSignal } = {},
): Promise<{ there: number; seen: number }> => {
  const dead = deadQueue(queue)
  const there = (await broker.depthOf(dead))?.messages ?? 0
  if (there === 0) return { there, seen: 0 }
  const seen = await broker.withChannel((channel) =>
    eachMessage(channel, dead, (message) => judge(letterOf(queue, message)), {
      most: Math.min(there, most),
      signal,
    }),
  )
  return { there, seen }
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

const letterOf = (queue: string, message: Message): DeadLetter => {
  const { properties } = message
  const headers: Record<string, unknown> = properties.headers ?? {}
  const failures = Array.isArray(headers['x-failures']) ? headers['x-failures'].map(String) : []
  // The broker's own hand leaves x-death instead of a reason.
  const byBroker = textOf(headers['x-last-death-reason']) ?? textOf(headers['x-first-death-reason'])
  return {
    queue,
    id: textOf(properties.messageId)?.toLowerCase(),
    type: textOf(properties.type),
    orderId: textOf(properties.correlationId)?.toLowerCase(),
    code: textOf(headers['x-reason-code']) ?? (byBroker === undefined ? 'unknown' : `broker.${byBroker}`),
    reason:
      textOf(headers['x-reason']) ??
      (byBroker === undefined ? 'no reason given' : `the broker says ${byBroker}`),
    failedAt: textOf(headers['x-failed-at']),
    attempt: typeof headers['x-attempt'] === 'number' ? headers['x-attempt'] : undefined,
    failures,
    message,
  }
}
