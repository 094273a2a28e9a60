import { Unavailable } from '../../shared/failure/index.ts'
import type { PublishOutcome } from '../../shared/messaging/index.ts'
import type { Broker } from './broker.ts'
import type { DeadLetter } from './dead-letters.ts'

// What a failure left behind. The origin stays: the consumer checks by whom and where the message was first published.
const ofFailure =
  /^(x-attempt|x-first-failed-at|x-last-error|x-failures|x-reason|x-reason-code|x-failed-at|x-consumer|x-headers-dropped|x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count)$/i

const tries = 6
const awayMs = 30_000

/** Sends a dead letter to its consumer again, as a new first try of the same message; returns when the broker has it. */
export const redrive = async ({ queue, message }: DeadLetter, broker: Broker): Promise<PublishOutcome> => {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId, headers } =
    message.properties
  const kept = { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId }
  const present = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined))
  const properties = {
    ...present,
    deliveryMode: 2,
    headers: Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !ofFailure.test(name))),
  }
  const request = {
    exchange: '',
    routingKey: queue,
    body: message.content,
    properties,
    mandatory: true,
    anySize: true,
  }
  for (let nth = 0; nth < tries; nth += 1) {
    const outcome = await broker.publisher.publish(request)
    if (outcome.kind !== 'unknown') return outcome
    await broker.publisher.ready(AbortSignal.timeout(awayMs)).catch(() => {})
  }
  throw new Unavailable('The broker does not confirm.', { code: 'broker.unavailable' })
}
