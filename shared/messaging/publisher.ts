import { IllegalOperationError } from 'amqplib'
import { describe } from '../failure/index.ts'
import type { BrokerConnection } from './connection.ts'
import { createHeaderCarrier } from './header-carrier.ts'
import type { Log } from './log-port.ts'
import { type Prepared, type PublishRequest, prepare } from './prepare.ts'
import { type PublishOutcome, refused, unknown } from './publish-outcome.ts'
import { keepLine, type Line } from './publishing-line.ts'

export interface Publisher {
  /** Never throws and never hangs: the outcome comes at the latest after the confirm time-out (twice that for a message that had to wait to be written). */
  publish(request: PublishRequest): Promise<PublishOutcome>
  /** Resolves when a channel is open and the broker takes publishes; rejects with the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>
  isReady(): boolean
  inFlight(): number
  /** Waits for nothing: what is in flight settles as unknown. */
  close(): Promise<void>
}

export interface PublisherOptions {
  log: Log
  /** The exchanges of the topology; the default exchange is always allowed. */
  exchanges: readonly string[]
  /** How long the broker may take to confirm before the outcome counts as unknown; 5000 when not said. */
  confirmTimeoutMs?: number
}

// A publish to an exchange that is gone closes the channel for everyone, so that one is refused locally for a while.
const avoidExchangeMs = 2_000

/** Publishes over one confirm channel, kept open on the connection. How many are in flight is the caller's to limit. */
export const openPublisher = (connection: BrokerConnection, options: PublisherOptions): Publisher => {
  const { log, confirmTimeoutMs = 5_000 } = options
  const known = new Set(['', ...options.exchanges])
  const avoided = new Map<string, number>()
  const onGuilty = (exchange: string) => avoided.set(exchange, performance.now() + avoidExchangeMs)
  const line = keepLine(connection, { log, confirmTimeoutMs, onGuilty })

  // First come, first written. The deadline counts from the call, however long the queue.
  let queued = 0
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = (): Promise<Line | PublishOutcome> => {
    const deadline = AbortSignal.timeout(confirmTimeoutMs)
    const mine = tail.then(() => line.usable(deadline))
    tail = mine
    return mine
  }

  const carry = createHeaderCarrier()
  const write = (message: Prepared, { lease, pending }: Line): Promise<PublishOutcome> => {
    const { exchange, routingKey, content, options } = message
    const properties =
      options.headers === undefined ? options : { ...options, headers: carry(options.headers) }
    const entry = pending.add(message)
    try {
      const mayGoOn = lease.channel.publish(exchange, routingKey, content, properties, (error) =>
        pending.confirmed(entry, error),
      )
      if (!mayGoOn) line.full()
    } catch (error) {
      // The library throws before it writes a byte, so neighbours are safe.
      const closed = error instanceof IllegalOperationError
      pending.settle(entry, closed ? unknown(describe(error)) : refused(describe(error)))
    }
    return entry.outcome
  }

  return {
    async publish(request) {
      const { exchange } = request
      if (!known.has(exchange)) return refused(`exchange ${exchange} is not in the topology`)
      if ((avoided.get(exchange) ?? 0) > performance.now())
        return refused(`exchange ${exchange} was not usable a moment ago`)
      const message = prepare(request, connection.user)
      if ('refused' in message) return refused(message.refused)
      for (;;) {
        // Without a wait it is written in this very call: the order of calls is the order on the wire.
        let here: Line | PublishOutcome | undefined = queued === 0 ? line.flowing() : undefined
        if (!here) {
          queued += 1
          here = await inTurn()
          queued -= 1
        }
        if ('kind' in here) return here
        const twin = here.pending.twin(message)
        if (!twin) return write(message, here)
        await twin
      }
    },
    ready: line.ready,
    isReady: () => line.flowing() !== undefined,
    inFlight: line.inFlight,
    close: line.close,
  }
}
