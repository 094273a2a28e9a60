import type { Channel } from 'amqplib'
import { backoffMs, describe, pause } from '../failure/index.ts'
import type { BrokerConnection } from './connection.ts'
import type { Log } from './log-port.ts'
import type { Session } from './session.ts'
import { aborted, createAbort, within } from './time-limit.ts'

/** One channel from its opening to its end. Whatever is settled on it later is dropped, never sent on another. */
export interface Lease<C extends Channel = Channel> {
  channel: C
  session: Session
  /** Aborts when the channel is gone or given up; the reason is an `Error` saying why. */
  closed: AbortSignal
  /** Gives the channel up at once, without waiting for the broker; a new one is opened. */
  retire(reason: string): void
}

export interface KeeperOptions<C extends Channel> {
  log: Log
  name: string
  open(session: Session): Promise<C>
  /** Makes the channel useful (prefetch, consume, listeners). When it throws the channel is given up and tried again. */
  use(lease: Lease<C>): Promise<void>
}

export interface Keeper {
  /** Closes the channel, waiting for the broker to have taken what was sent on it. */
  stop(): Promise<void>
}

const useTimeoutMs = 15_000
const closeTimeoutMs = 2_000
// A channel that lives shorter than this counts as failed.
const stableMs = 5_000

/** Keeps one channel open on a connection: a new one after every loss, with backoff up to two seconds while the connection lives. */
export const keepChannel = <C extends Channel>(
  connection: BrokerConnection,
  { log, name, open, use }: KeeperOptions<C>,
): Keeper => {
  const stop = createAbort()
  const running = new Set<Promise<void>>()
  let current: Lease<C> | undefined

  const liveOnce = async (session: Session) => {
    const lease = leaseOf(session, await open(session))
    try {
      if (stop.signal.aborted) return lease.retire('stopping')
      current = lease
      await within(useTimeoutMs, `preparing ${name}`, use(lease))
      await aborted(lease.closed)
    } catch (error) {
      lease.retire(describe(error))
      throw error
    } finally {
      current = undefined
    }
  }

  const keep = async (session: Session) => {
    let lastReason: string | undefined
    for (let failures = 0; !stop.signal.aborted && !session.closed.aborted; failures += 1) {
      const since = performance.now()
      try {
        await session.unblocked(stop.signal)
        await liveOnce(session)
        log.debug({ name }, 'channel closed')
      } catch (error) {
        if (stop.signal.aborted || session.closed.aborted) return
        const reason = describe(error)
        log[reason === lastReason ? 'debug' : 'warn']({ name, reason }, 'channel not usable')
        lastReason = reason
      }
      if (performance.now() - since > stableMs) failures = 0
      const again = AbortSignal.any([stop.signal, session.closed])
      await pause(backoffMs(failures, { firstMs: 100, capMs: 2_000 }), again)
    }
  }

  const forget = connection.onConnected(async (session) => {
    const kept = keep(session)
    running.add(kept)
    void kept.finally(() => running.delete(kept))
  })

  return {
    async stop() {
      forget()
      stop.abort(new Error(`${name} is stopping`))
      const last = current
      if (last && !last.closed.aborted) {
        await within(closeTimeoutMs, `closing ${name}`, last.channel.close()).catch(() => {})
        last.retire('stopped')
      }
      await Promise.all(running)
    },
  }
}

const leaseOf = <C extends Channel>(session: Session, channel: C): Lease<C> => {
  const gone = createAbort()
  let problem: string | undefined
  const end = (reason: string) => {
    if (!gone.signal.aborted) gone.abort(new Error(reason))
  }
  channel.on('error', (error) => {
    problem = describe(error)
  })
  channel.on('close', () => end(problem ?? 'channel closed'))
  if (session.closed.aborted) end('connection closed')
  return {
    channel,
    session,
    closed: gone.signal,
    retire(reason) {
      if (gone.signal.aborted) return
      end(reason)
      channel.close().catch(() => {})
    },
  }
}
