import type { Message, Options } from 'amqplib'
import { backoffMs, pause } from '../failure/index.ts'
import { bareDeadCopy, deadCopy, retryCopy } from './copies.ts'
import { attemptOf } from './envelope-attributes.ts'
import type { Log } from './log-port.ts'
import type { Publisher } from './publisher.ts'
import { deadQueue, retryQueue } from './topology.ts'

export interface SetAsideOptions {
  queue: string
  /** Milliseconds; as many steps as the queue's ladder has. */
  retryDelaysMs: readonly number[]
  publisher: Pick<Publisher, 'publish' | 'ready'>
  /** The consumer's broker user. */
  user: string
  /** Makes the queues again when one of them is gone. */
  redeclare: () => Promise<unknown>
  log: Log
}

export type Why = { kind: 'retry'; reason: string } | { kind: 'dead-letter'; reason: string; code: string }
/** Where a message went. `nowhere`: the signal came first. `impossible`: no copy of it can be published. */
export type SetAside = 'retried' | 'dead-lettered' | 'nowhere' | 'impossible'

/**
 * Puts a copy of a failed message on the retry ladder or on the dead-letter queue, and returns once the broker confirmed it. It tries
 * for as long as the signal lets it; until then the original stays unacknowledged.
 */
export const createSetAside = (options: SetAsideOptions) => {
  const { queue, retryDelaysMs, publisher, user, redeclare, log } = options

  const put = async (message: Message, target: string, properties: Options.Publish, signal: AbortSignal) => {
    for (let tries = 0; !signal.aborted; tries += 1) {
      const outcome = await publisher.publish({
        exchange: '',
        routingKey: target,
        body: message.content,
        properties,
        mandatory: true,
        anySize: true,
      })
      if (outcome.kind === 'confirmed') return outcome
      // The broker's own refusal passes; ours would be the same again.
      if (outcome.kind === 'refused') return outcome
      log.warn({ queue: target, tries, reason: outcome.reason }, 'failed message not set aside yet')
      if (outcome.kind === 'returned') await redeclare().catch(() => {})
      await pause(backoffMs(tries, { firstMs: 200, capMs: 5_000 }), signal)
    }
    return undefined
  }

  return async (message: Message, why: Why, signal: AbortSignal): Promise<SetAside> => {
    const failing = { reason: why.reason, now: new Date(), user }
    const attempt = attemptOf(message.properties.headers)
    if (why.kind === 'retry' && attempt <= retryDelaysMs.length) {
      const outcome = await put(message, retryQueue(queue, attempt), retryCopy(message, failing), signal)
      if (outcome === undefined) return 'nowhere'
      if (outcome.kind === 'confirmed') return 'retried'
    }
    const code = codeOf(why, attempt <= retryDelaysMs.length)
    const dead = { ...failing, code, consumer: queue }
    for (const properties of [deadCopy(message, dead), bareDeadCopy(message, dead)]) {
      const outcome = await put(message, deadQueue(queue), properties, signal)
      if (outcome === undefined) return 'nowhere'
      if (outcome.kind === 'confirmed') return 'dead-lettered'
      log.warn({ queue, reason: outcome.reason }, 'copy refused')
    }
    return 'impossible'
  }
}

const codeOf = (why: Why, hasStep: boolean): string => {
  if (why.kind === 'dead-letter') return why.code
  return hasStep ? 'retry.impossible' : 'retries.exhausted'
}
