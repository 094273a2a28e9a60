import type { ConfirmChannel } from 'amqplib'
import { describe } from '../failure/index.ts'
import { keepChannel, type Lease } from './channel-keeper.ts'
import type { BrokerConnection } from './connection.ts'
import { createGate } from './gate.ts'
import type { Log } from './log-port.ts'
import { createPending, type Pending } from './pending.ts'
import { type PublishOutcome, unknown } from './publish-outcome.ts'
import { aborted, within } from './time-limit.ts'

/** A confirm channel, and what waits for its confirm on it. */
export interface Line {
  lease: Lease<ConfirmChannel>
  pending: Pending
}

export interface LineOptions {
  log: Log
  /** How long the broker may take to confirm. */
  confirmTimeoutMs: number
  /** The broker closed the channel over this exchange: it is not there, or not allowed. */
  onGuilty: (exchange: string) => void
}

// When a quorum queue changes its leader it may nack for ever what comes by a channel that is older than the new leader, and take it by a
// new channel. A full queue nacks too: so a channel is replaced this long after its first nack, and what is in flight then gets as long again.
const nackedChannelMs = 1_000

/** Keeps one confirm channel open on the connection, and tells when it can be written to. */
export const keepLine = (connection: BrokerConnection, options: LineOptions) => {
  const { log, confirmTimeoutMs, onGuilty } = options
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
      if (guilty !== undefined) onGuilty(guilty)
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

  /** The line, when it can be written to at once. */
  const flowing = (): Line | undefined =>
    line?.lease.session.blocked() === undefined && writable.isOpen() ? line : undefined

  return {
    flowing,
    inFlight: (): number => line?.pending.size() ?? 0,
    /** The channel takes no more until it has drained. */
    full: (): void => writable.shut(),
    /** The line once it can be written to; else why not, at the deadline or when the channel is lost. */
    async usable(deadline: AbortSignal): Promise<Line | PublishOutcome> {
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
    },
    async ready(signal?: AbortSignal): Promise<void> {
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
    close: () => keeper.stop(),
  }
}

/** The exchange named in the broker's complaint: not there, or not allowed. */
const guiltyExchange = (reason: string): string | undefined =>
  /(?:no exchange|access to exchange) '([^']*)'/.exec(reason)?.[1]
