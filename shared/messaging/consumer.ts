import type { Channel, ConsumeMessage } from 'amqplib'
import { describe } from '../failure/index.ts'
import { keepChannel, type Lease } from './channel-keeper.ts'
import type { BrokerConnection } from './connection.ts'
import { createGate } from './gate.ts'
import type { Log } from './log-port.ts'
import type { Publisher } from './publisher.ts'
import type { Session } from './session.ts'
import { createSetAside } from './set-aside.ts'
import { settle } from './settle.ts'
import { aborted, createAbort, within } from './time-limit.ts'

/** What is to become of a message. */
export type Outcome =
  | { kind: 'ack' }
  /** Again later, up the retry ladder; from its end to the dead-letter queue. */
  | { kind: 'retry'; reason: string }
  /** No try will help: to the dead-letter queue at once. The code is stable. */
  | { kind: 'dead-letter'; reason: string; code: string }
  /** Not now and not here: it stays unacknowledged and is delivered again when this consumer ends. */
  | { kind: 'leave' }

/** What there is to count. */
export interface ConsumerObserver {
  /** Again, after a loss. */
  resubscribed?(): void
  redelivered?(): void
  retried?(): void
  deadLettered?(code: string): void
}

export interface ConsumeOptions {
  queue: string
  /** How many messages are handled at the same time at most. */
  prefetch: number
  /** Settles a message by what it returns; a throw is a defect and counts as retry. Called concurrently, up to prefetch. */
  handle(message: ConsumeMessage): Promise<Outcome>
  /** On another connection, so that a publisher the broker blocks does not hold up acknowledgements. */
  publisher: Pick<Publisher, 'publish' | 'ready'>
  /** Milliseconds per step of the queue's retry ladder. */
  retryDelaysMs: readonly number[]
  log: Log
  /** Makes the queue again when it was deleted. */
  redeclare?: () => Promise<unknown>
  observer?: ConsumerObserver
  /** How long `stop` waits for handlers; 10000 when not said. */
  drainTimeoutMs?: number
  /** How long a handler may hold its message; 60000 when not said. */
  patienceMs?: number
}

export interface Consumer {
  isSubscribed(): boolean
  /** Resolves while subscribed; rejects with the signal's reason. */
  subscribed(signal?: AbortSignal): Promise<void>
  inFlight(): number
  /** Takes no more, waits for the handlers (bounded), and lets the broker have their acknowledgements. */
  stop(): Promise<void>
}

// What amqplib's types leave out.
interface ConsumerRegistry {
  registerConsumer(tag: string, receive: () => void): void
}

const cancelTimeoutMs = 2_000

/**
 * Works on a queue until stopped, over every loss of connection, channel and subscription. One function settles each message, once.
 *
 * When a handler holds a message longer than `patienceMs`, all messages go back to the queue, and none are taken until the handlers
 * have ended. The broker itself would take them back after half an hour (its consumer timeout), counting towards the delivery limit.
 */
export const consume = (connection: BrokerConnection, options: ConsumeOptions): Consumer => {
  const {
    queue,
    prefetch,
    handle,
    publisher,
    retryDelaysMs,
    log,
    observer = {},
    drainTimeoutMs = 10_000,
    patienceMs = 60_000,
  } = options
  const { redeclare = async () => {} } = options
  const setAside = createSetAside({ queue, retryDelaysMs, publisher, user: connection.user, redeclare, log })
  const inFlight = new Set<Promise<void>>()
  const subscribed = createGate('shut')
  const halt = createAbort()
  let subscription: { channel: Channel; tag: string } | undefined
  let times = 0
  let stopping = false
  let queueGone = false
  let overdue = false

  const giveBack = (lease: Lease) => {
    if (lease.closed.aborted) return
    overdue = true
    log.warn({ queue, patienceMs, inFlight: inFlight.size }, 'messages given back until their handlers end')
    lease.retire('a handler takes too long')
  }

  const handlersEnded = async (session: Session) => {
    if (!overdue) return
    const over = AbortSignal.any([session.closed, halt.signal])
    await Promise.race([Promise.all([...inFlight]), aborted(over)])
    overdue = over.aborted
  }

  const outcomeOf = async (lease: Lease, message: ConsumeMessage): Promise<Outcome> => {
    const timer = setTimeout(giveBack, patienceMs, lease)
    try {
      return await handle(message)
    } catch (error) {
      log.error({ queue, messageId: message.properties.messageId, err: error }, 'handler threw')
      return { kind: 'retry', reason: describe(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  const work = async (lease: Lease, over: AbortSignal, message: ConsumeMessage) => {
    if (message.fields.redelivered) observer.redelivered?.()
    const outcome = await outcomeOf(lease, message)
    if (outcome.kind === 'ack') return settle(lease, message, 'ack', log)
    if (outcome.kind === 'leave' || lease.closed.aborted) return
    const { reason } = outcome
    const where = await setAside(message, outcome, over)
    log.warn({ queue, messageId: message.properties.messageId, reason, where }, 'message set aside')
    if (where === 'nowhere') return
    if (where === 'retried') observer.retried?.()
    else observer.deadLettered?.(outcome.kind === 'dead-letter' ? outcome.code : 'retries.exhausted')
    // A message that no copy can be made of goes the broker's own way to the same queue.
    settle(lease, message, where === 'impossible' ? 'reject' : 'ack', log)
  }

  const receive = (lease: Lease, over: AbortSignal, message: ConsumeMessage | null) => {
    if (message === null) {
      queueGone = true
      return lease.retire('the broker cancelled the consumer')
    }
    // Taken after the end began: left alone, it goes back when the channel closes.
    if (stopping || lease.closed.aborted) return
    const working = work(lease, over, message).catch((error) => {
      log.error({ queue, reason: describe(error) }, 'message left unsettled')
      lease.retire(`unsettled message: ${describe(error)}`)
    })
    inFlight.add(working)
    void working.finally(() => inFlight.delete(working))
  }

  const use = async (lease: Lease) => {
    if (queueGone) await redeclare()
    queueGone = false
    await lease.channel.prefetch(prefetch)
    // One for all messages: Node keeps something of each such signal for as long as its sources live.
    const over = AbortSignal.any([lease.closed, halt.signal])
    try {
      const { consumerTag } = await lease.channel.consume(queue, (message) => receive(lease, over, message))
      subscription = { channel: lease.channel, tag: consumerTag }
    } catch (error) {
      queueGone = (error as { code?: unknown }).code === 404
      throw error
    }
    if (lease.closed.aborted) return
    lease.closed.addEventListener('abort', () => subscribed.shut(), { once: true })
    if (times > 0) observer.resubscribed?.()
    times += 1
    log.info({ queue, prefetch, times }, 'subscribed')
    subscribed.open()
  }
  const name = `the consumer of ${queue}`
  const open = async (session: Session) => {
    await handlersEnded(session)
    return session.createChannel()
  }
  const keeper = keepChannel(connection, { log, name, open, use })

  return {
    isSubscribed: subscribed.isOpen,
    subscribed: subscribed.passed,
    inFlight: () => inFlight.size,
    async stop() {
      stopping = true
      if (subscription && subscribed.isOpen()) {
        const { channel, tag } = subscription
        await within(cancelTimeoutMs, 'cancelling', channel.cancel(tag)).catch(() => {})
        // A quorum queue may deliver after it; to a consumer that the library does not know it ends the channel, and the handlers' acks.
        ;(channel as unknown as ConsumerRegistry).registerConsumer(tag, () => {})
      }
      await within(drainTimeoutMs, 'draining', Promise.all([...inFlight])).catch(() => {})
      halt.abort(new Error('the consumer is stopping'))
      await keeper.stop()
    },
  }
}
