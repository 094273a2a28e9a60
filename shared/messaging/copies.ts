import type { Message, Options } from 'amqplib'
import { originOf } from './envelope.ts'
import { attemptOf, textOf } from './envelope-attributes.ts'

/** What a copy says about the failure that made it. */
export interface Failing {
  reason: string
  now: Date
  /** The consumer's own broker user. */
  user: string
}

const maxReasonLength = 500
const maxHistory = 10
const maxHistoryEntry = 200

// What the broker notes about a delivery, and what would route the copy elsewhere. A copy starts as a new message.
const leftOut = /^(CC|BCC|x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count)$/i

/** The same message for its next try: attempt and history go up, everything that the consumer reads stays. */
export const retryCopy = (message: Message, { reason, now, user }: Failing): Options.Publish => {
  const kept = keptHeaders(message)
  return {
    ...keptProperties(message),
    headers: {
      ...kept,
      ...originHeaders(message, user),
      'x-attempt': attemptOf(kept) + 1,
      'x-first-failed-at': textOf(kept['x-first-failed-at']) ?? now.toISOString(),
      'x-last-error': shortened(reason, maxReasonLength),
      'x-failures': history(kept, reason, now),
    },
  }
}

/** The message for the dead-letter queue: why, when, where, and what went before. */
export const deadCopy = (
  message: Message,
  { reason, code, now, user, consumer }: Failing & { code: string; consumer: string },
): Options.Publish => {
  const kept = keptHeaders(message)
  return {
    ...keptProperties(message),
    headers: {
      ...kept,
      ...deadHeaders(message, { reason, code, now, user, consumer }),
      'x-failures': history(kept, reason, now),
    },
  }
}

/** The same with nothing of the sender's but the body, for a message whose own headers leave no room. */
export const bareDeadCopy = (
  message: Message,
  failing: Failing & { code: string; consumer: string },
): Options.Publish => ({
  deliveryMode: 2,
  ...(textOf(message.properties.messageId) ? { messageId: message.properties.messageId } : {}),
  headers: { ...deadHeaders(message, failing), 'x-headers-dropped': true },
})

const deadHeaders = (
  message: Message,
  { reason, code, now, user, consumer }: Failing & { code: string; consumer: string },
) => ({
  ...originHeaders(message, user),
  'x-attempt': attemptOf(message.properties.headers),
  'x-reason': shortened(reason, maxReasonLength),
  'x-reason-code': code,
  'x-failed-at': now.toISOString(),
  'x-consumer': consumer,
})

const originHeaders = (message: Message, user: string) => {
  const { exchange, routingKey, publisher } = originOf(message, user)
  return {
    'x-original-exchange': exchange,
    'x-original-routing-key': routingKey,
    ...(publisher === undefined ? {} : { 'x-original-user-id': publisher }),
  }
}

// Without expiration, priority and user: the first would empty the ladder, and the broker checks the last against the copy's publisher.
const keptProperties = ({ properties }: Message): Options.Publish => {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId } =
    properties
  const kept = { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId }
  const present = Object.entries(kept).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(present), deliveryMode: 2 }
}

const keptHeaders = ({ properties }: Message): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties.headers ?? {}).filter(([name]) => !leftOut.test(name)))

const history = (kept: Record<string, unknown>, reason: string, now: Date): string[] => {
  const earlier = Array.isArray(kept['x-failures']) ? kept['x-failures'] : []
  const entry = shortened(`${now.toISOString()} ${reason}`, maxHistoryEntry)
  const texts = earlier.filter((it): it is string => typeof it === 'string' && it.length <= maxHistoryEntry)
  return [...texts, entry].slice(-maxHistory)
}

// Half a surrogate pair becomes the replacement character.
const shortened = (text: string, length: number) =>
  Buffer.from(text.slice(0, length)).toString().replaceAll('\u0000', '')
