import { Unavailable } from '../../shared/failure/index.ts'
import { type PublishOutcome, withoutFailure } from '../../shared/messaging/index.ts'
import type { Broker } from './broker.ts'
import type { DeadLetter } from './dead-letters.ts'

const tries = 6
const awayMs = 30_000

const unavailable = (why: string, cause?: unknown) =>
  new Unavailable(why, {
    code: 'broker.unavailable',
    next: 'the same command again when the broker answers',
    cause,
  })

/** Sends a dead letter to its consumer again, as a new first try of the same message; returns when the broker has it. */
export const redrive = async ({ queue, message }: DeadLetter, broker: Broker): Promise<PublishOutcome> => {
  const request = {
    exchange: '',
    routingKey: queue,
    body: message.content,
    properties: withoutFailure(message),
    mandatory: true,
    anySize: true,
  }
  for (let nth = 0; nth < tries; nth += 1) {
    const outcome = await broker.publisher.publish(request)
    if (outcome.kind !== 'unknown') return outcome
    await broker.publisher.ready(AbortSignal.timeout(awayMs)).catch((cause) => {
      throw unavailable(`The broker was away for ${awayMs / 1_000} s.`, cause)
    })
  }
  throw unavailable('The broker does not confirm.')
}
