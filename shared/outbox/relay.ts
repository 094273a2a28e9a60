import { fullJitterMs } from './backoff.ts'
import { createBell } from './bell.ts'
import { lookFor } from './in-reach.ts'
import { channel } from './notify.ts'
import type { CrashPoint, RelayObserver, RelayState } from './observer.ts'
import { openSession, type Session } from './session.ts'
import { createTerm, type Term } from './term.ts'
import type { RelayTransport } from './transport.ts'

export interface RelayOptions {
  /** A direct connection, not one through a pooler: leadership is a lock of the session. */
  databaseUrl: string
  transport: RelayTransport
  /**
   * Events published and not yet confirmed; default 1000. Three times as many rows are kept in memory, and 64 MiB of payloads at most,
   * give or take one.
   */
  inFlight?: number
  /** The longest an event waits when every hint was lost; default 1000. */
  pollMs?: number
  /**
   * A leader that says nothing for so long is dropped by the database, and one that can't reach the broker for so long gives the lead
   * up; another takes over. Default 10 000.
   */
  leaseMs?: number
  /** Refusals until an event is parked; default 6. */
  maxAttempts?: number
  /** Pause after the first refusal, doubling with each; default 500. */
  firstRetryMs?: number
  /** Listen to NOTIFY, and pass `wake` on by it while another process leads; default true. */
  notify?: boolean
  /** Published events older than this are deleted, inbox rows at twice the age; never when left out. */
  retentionHours?: number
  /** Pause between two rounds of deleting; default 300 000. */
  pruneEveryMs?: number
  observer?: RelayObserver
  crashPoint?: CrashPoint
  /** The advisory lock that makes one of several relays the leader; its scope is one database. */
  lockKey?: bigint
}

/** The letters of `outbox`. */
const defaultLockKey = 0x6f7574626f78n
const reconnect = { firstMs: 250, capMs: 5000 }
/** A session that held so long was a good one: the next try starts from a short pause again. */
const goodSessionMs = 5000
const minutes = 60_000

const withDefaults = (options: RelayOptions) => ({
  inFlight: options.inFlight ?? 1000,
  pollMs: options.pollMs ?? 1000,
  leaseMs: options.leaseMs ?? 10_000,
  maxAttempts: options.maxAttempts ?? 6,
  firstRetryMs: options.firstRetryMs ?? 500,
  retentionHours: options.retentionHours,
  pruneEveryMs: options.pruneEveryMs ?? 5 * minutes,
  observer: options.observer ?? {},
  crashPoint: options.crashPoint,
  transport: options.transport,
})

/**
 * Publishes the outbox of one database. Of any number of relays one leads, by an advisory lock of its only connection;
 * the others stand by. Losing the connection is losing leadership, so a relay that was overtaken can mark nothing.
 */
export const createRelay = (options: RelayOptions) => {
  const settings = withDefaults(options)
  const { observer } = settings
  const usesNotify = options.notify ?? true
  /** The longest pause of one that stands by; well within the lease. */
  const standbyMs = Math.min(settings.pollMs, settings.leaseMs / 3)
  const lockKey = String(options.lockKey ?? defaultLockKey)
  const bell = createBell()
  let state: RelayState = 'disconnected'
  let session: Session | undefined
  let term: Term | undefined
  let stopping = false
  let woken = false
  let running: Promise<void> | undefined

  const enter = (next: RelayState) => {
    if (state === next) return
    state = next
    observer.state?.(next)
  }

  const restUnless = async (isOver: () => boolean, ms: number) => {
    const until = performance.now() + ms
    while (!stopping && !isOver() && performance.now() < until) await bell.wait(until - performance.now())
  }

  const tryToLead = async ({ sql }: Session, mayLead: boolean): Promise<boolean> => {
    const passesOn = woken && usesNotify
    woken = false
    const [row] = await sql.$queryRawUnsafe<{ won: boolean }[]>(
      `select case when $2 then pg_try_advisory_lock($1) else false end as won${passesOn ? `, pg_notify('${channel}', '')` : ''}`,
      lockKey,
      mayLead,
    )
    return row?.won === true
  }

  /** Resolves to true when it leads. Who can't reach the broker does not try: another one may. */
  const standBy = async (current: Session): Promise<boolean> => {
    while (!stopping && current.isAlive()) {
      const broker = await lookFor(settings.transport, bell.ring)
      try {
        const mayLead = broker.isReady()
        if (await tryToLead(current, mayLead)) return true
        enter('standby')
        const isOver = () => woken || !current.isAlive() || broker.isReady() !== mayLead
        await restUnless(isOver, standbyMs * (0.5 + Math.random() / 2))
      } finally {
        broker.stop()
      }
    }
    return false
  }

  /** Resolves to true when it gave the lead up. */
  const serve = async (current: Session): Promise<boolean> => {
    if (!(await standBy(current))) return false
    if (usesNotify) await current.sql.$executeRawUnsafe(`listen ${channel}`)
    if (stopping) return false
    term = createTerm(current, bell, settings)
    enter('leading')
    const isCutOff = await term.lead()
    if (isCutOff) observer.error?.(new Error('the broker is out of reach, so the lead is given up'))
    return isCutOff
  }

  const runOneSession = async (): Promise<boolean> => {
    try {
      session = await openSession({
        databaseUrl: options.databaseUrl,
        leaseMs: settings.leaseMs,
        onNotification: () => term?.want(),
        onLost: (error) => {
          if (error !== undefined) observer.error?.(error)
          term?.abandon()
          enter('disconnected')
          bell.ring()
        },
      })
      return await serve(session)
    } catch (error) {
      observer.error?.(error)
      return false
    } finally {
      term = undefined
      await session?.close()
      session = undefined
      enter('disconnected')
    }
  }

  const run = async () => {
    for (let failures = 0; !stopping; failures += 1) {
      const since = performance.now()
      const gaveUp = await runOneSession()
      if (performance.now() - since >= goodSessionMs) failures = 0
      // Long enough for all that stand by to have tried.
      const pauseMs = gaveUp ? 2 * standbyMs : fullJitterMs(failures, reconnect.firstMs, reconnect.capMs)
      await restUnless(() => false, pauseMs)
    }
  }

  return {
    /** Begins; the database need not be there yet. */
    start: (): void => {
      running ??= run()
    },
    /** To be called after each commit that appended: the events go out at once. Costs nothing, never throws. */
    wake: (): void => {
      if (term === undefined) woken = true
      term?.want()
      bell.ring()
    },
    /** Claims no more, waits at most `drainMs` (default 5000) for what is in flight and its marks, and disconnects. */
    stop: async ({ drainMs = 5000 }: { drainMs?: number } = {}): Promise<void> => {
      stopping = true
      term?.finish()
      bell.ring()
      const giveUp = setTimeout(() => void session?.close().then(bell.ring), drainMs)
      await running
      clearTimeout(giveUp)
    },
    state: () => ({ state, ...(term?.counts() ?? { inFlight: 0, held: 0, blocked: 0 }) }),
  }
}

export type Relay = ReturnType<typeof createRelay>
