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
const ofDelivery = /^(CC|BCC|x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count)$/i
// Where a message came from; said anew by whoever makes a copy, or a sender's own claim would be believed there.
const ofOrigin = /^x-original-(exchange|routing-key|user-id)$/i
// What a failure left behind.
const ofFailure =
  /^x-(attempt|first-failed-at|last-error|failures|reason|reason-code|failed-at|consumer|headers-dropped)$/i

/** The same message for its next try: attempt and history go up, everything that the consumer reads stays. */
export const retryCopy = (message: Message, { reason, now, user }: Failing): Options.Publish => {
  const kept = keptHeaders(message, ofOrigin)
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
  const kept = keptHeaders(message, ofOrigin)
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

/** A dead letter as a new first try. Its origin stays: a consumer checks by whom and where the message was first published. */
export const withoutFailure = (message: Message): Options.Publish => ({
  ...keptProperties(message),
  headers: keptHeaders(message, ofFailure),
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
// Without a time before 1970 too: it is read as one near 2^64, and can't always be written again.
const keptProperties = ({ properties }: Message): Options.Publish => {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId } =
    properties
  const kept = { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId }
  const present = Object.entries(kept).filter(
    ([, value]) => value !== undefined && (typeof value !== 'number' || Number.isSafeInteger(value)),
  )
  return { ...Object.fromEntries(present), deliveryMode: 2 }
}

const keptHeaders = ({ properties }: Message, besides: RegExp): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties.headers ?? {}).filter(
      ([name]) => !ofDelivery.test(name) && !besides.test(name),
    ),
  )

const history = (kept: Record<string, unknown>, reason: string, now: Date): string[] => {
  const earlier = Array.isArray(kept['x-failures']) ? kept['x-failures'] : []
  const entry = shortened(`${now.toISOString()} ${reason}`, maxHistoryEntry)
  const texts = earlier.filter((it): it is string => typeof it === 'string' && it.length <= maxHistoryEntry)
  return [...texts, entry].slice(-maxHistory)
}

// Half a surrogate pair becomes the replacement character.
const shortened = (text: string, length: number) =>
  Buffer.from(text.slice(0, length)).toString().replaceAll('\u0000', '')
