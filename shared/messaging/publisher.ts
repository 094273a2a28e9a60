import { type ConfirmChannel, IllegalOperationError } from 'amqplib'
import { describe } from '../failure/index.ts'
import { keepChannel, type Lease } from './channel-keeper.ts'
import type { BrokerConnection } from './connection.ts'
import { createGate } from './gate.ts'
import { createHeaderCarrier } from './header-carrier.ts'
import type { Log } from './log-port.ts'
import { createPending, type Pending } from './pending.ts'
import { type Prepared, type PublishRequest, prepare } from './prepare.ts'
import { type PublishOutcome, refused, unknown } from './publish-outcome.ts'
import { aborted, within } from './time-limit.ts'

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

interface Line {
  lease: Lease<ConfirmChannel>
  pending: Pending
}

// When a quorum queue changes its leader it may nack for ever what comes by a channel that is older than the new leader, and take it by a
// new channel. A full queue nacks too: so a channel is replaced this long after its first nack, and what is in flight then gets as long again.
const nackedChannelMs = 1_000

// A publish to an exchange that is gone closes the channel for everyone, so that one is refused locally for a while.
const avoidExchangeMs = 2_000

/** One confirm channel, kept open on the connection. How many are in flight is the caller's to limit. */
export const openPublisher = (connection: BrokerConnection, options: PublisherOptions): Publisher => {
  const { log, confirmTimeoutMs = 5_000 } = options
  const known = new Set(['', ...options.exchanges])
  const avoided = new Map<string, number>()
  const open = createGate('shut')
  const writable = createGate('open')
  let line: Line | undefined

  const use = async (lease: Lease<ConfirmChannel>) => {
    const onLate = () => lease.retire(`no confirm within ${confirmTimeoutMs} ms`)
    let replacing: NodeJS.Timeout | undefined
    const onNack = () => {
      replacing ??= setTimeout(replace, nackedChannelMs)
    }
    const pending = createPending({ timeoutMs: confirmTimeoutMs, onLate, onNack })
    const mine: Line = { lease, pending }
    const leave = () => {
      if (line !== mine) return
      line = undefined
      open.shut()
      // A dead channel never drains.
      writable.open()
    }
    const replace = async () => {
      leave()
      await within(nackedChannelMs, 'settling', pending.settled()).catch(() => {})
      lease.retire('the broker refused a message (nack)')
    }
    lease.channel.on('return', (message) => pending.returned(message))
    lease.channel.on('drain', () => writable.open())
    const over = () => {
      clearTimeout(replacing)
      const reason = describe(lease.closed.reason)
      const guilty = guiltyExchange(reason)
      if (guilty !== undefined) avoided.set(guilty, performance.now() + avoidExchangeMs)
      leave()
      pending.settleAll(reason, guilty)
    }
    if (lease.closed.aborted) return
    lease.closed.addEventListener('abort', over, { once: true })
    line = mine
    writable.open()
    open.open()
  }
  const keeper = keepChannel<ConfirmChannel>(connection, {
    log,
    name: 'the publishing channel',
    open: (session) => session.createConfirmChannel(),
    use,
  })

  const flowing = () => line !== undefined && line.lease.session.blocked() === undefined && writable.isOpen()

  // Until it can be written, the deadline, or the loss of the channel.
  const turn = async (deadline: AbortSignal): Promise<Line | PublishOutcome> => {
    try {
      for (;;) {
        const here = line
        if (!here) return unknown('not connected to the broker')
        const { session } = here.lease
        if (session.blocked() !== undefined) await session.unblocked(deadline)
        else if (!writable.isOpen()) await writable.passed(deadline)
        else return here
      }
    } catch {
      if (!line) return unknown('the connection to the broker went')
      const blocked = line.lease.session.blocked()
      return unknown(
        blocked === undefined ? 'the broker reads too slowly' : `the broker blocks publishes: ${blocked}`,
      )
    }
  }

  // First come, first written. The deadline counts from the call, however long the queue.
  let queued = 0
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = (): Promise<Line | PublishOutcome> => {
    const deadline = AbortSignal.timeout(confirmTimeoutMs)
    const mine = tail.then(() => turn(deadline))
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
      if (!mayGoOn) writable.shut()
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
        let here: Line | PublishOutcome | undefined = flowing() && queued === 0 ? line : undefined
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
    async ready(signal) {
      while (!flowing()) {
        await open.passed(signal)
        const lease = line?.lease
        await lease?.session.unblocked(signal).catch(() => {
          signal?.throwIfAborted()
          // The connection has ended, and its channel is about to.
          return aborted(lease.closed)
        })
        if (line) await writable.passed(signal)
      }
    },
    isReady: flowing,
    inFlight: () => line?.pending.size() ?? 0,
    close: () => keeper.stop(),
  }
}

/** The exchange named in the broker's complaint: not there, or not allowed. */
const guiltyExchange = (reason: string): string | undefined =>
  /(?:no exchange|access to exchange) '([^']*)'/.exec(reason)?.[1]
