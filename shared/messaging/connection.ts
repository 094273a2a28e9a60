import { backoffMs, describe, pause, Unavailable } from '../failure/index.ts'
import { type BrokerAddress, parseBrokerUrls } from './broker-url.ts'
import { createGate } from './gate.ts'
import type { Log } from './log-port.ts'
import { openSession, type Session } from './session.ts'
import { aborted, createAbort, within } from './time-limit.ts'

export type BrokerState =
  | { kind: 'connecting'; failures: number; reason: string | undefined }
  | { kind: 'connected'; generation: number; blocked: string | undefined }
  | { kind: 'closed' }

/** Prepares one connection generation (channels, consumers). It is run again for every new one. */
export type Setup = (session: Session) => Promise<void>

export interface BrokerConnection {
  /** The broker user; stamped on what is published, checked by the broker. */
  user: string
  vhost: string
  /** Where the management API of the node last connected to is to be expected; with credentials. */
  managementUrl(): string
  state(): BrokerState
  /** The live connection, if there is one. */
  session(): Session | undefined
  /** The first, or next, live connection. Throws `Unavailable` (`broker.unavailable`) when the signal aborts first. */
  connected(signal?: AbortSignal): Promise<Session>
  /** Runs setup now if connected, and on every later connection; one that fails, or takes longer than 10 s, drops its connection. Call what is returned to run it no more. */
  onConnected(setup: Setup): () => void
  close(): Promise<void>
}

export interface ConnectOptions {
  /** The broker's, or those of a cluster's nodes, comma separated; they are tried in turn. */
  url: string
  /** Shown in the broker's list of connections, e.g. `order publish`. */
  name: string
  log: Log
  /** 10 when not said. */
  heartbeatSeconds?: number
  /** How long one node may take to accept the connection; 5000 when not said. */
  connectTimeoutMs?: number
  onState?: (state: BrokerState) => void
}

const setupTimeoutMs = 10_000
// A connection that lives shorter than this counts as a failed attempt.
const stableMs = 5_000

/**
 * After a stable connection try again at once, and so every other node of a cluster; after that each node at most once a second, jittered.
 */
export const reconnectDelayMs = (
  failures: number,
  nodes: number,
  random: () => number = Math.random,
): number =>
  failures === 0 || failures % nodes > 0
    ? backoffMs(0, { firstMs: 200, capMs: 200, random })
    : 1_000 + backoffMs(failures / nodes, { firstMs: 250, capMs: 1_000, random })

/**
 * Keeps one connection to the broker alive until it is closed; what is lost on one node is tried on the next. Throws `Refused`
 * (`broker.url_invalid`); never throws later and never ends the process.
 */
export const connectBroker = (options: ConnectOptions): BrokerConnection => {
  const { name, log, heartbeatSeconds = 10, connectTimeoutMs = 5_000, onState } = options
  const nodes = parseBrokerUrls(options.url, heartbeatSeconds)
  let address = nodes[0] as BrokerAddress
  const stop = createAbort()
  const setups = new Set<Setup>()
  const live = createGate('shut')
  let session: Session | undefined
  let state: BrokerState = { kind: 'connecting', failures: 0, reason: undefined }

  const setState = (next: BrokerState) => {
    state = next
    onState?.(next)
  }

  const runSetup = async (setup: Setup, current: Session) => {
    try {
      await within(setupTimeoutMs, 'setting up the connection', setup(current))
    } catch (error) {
      if (current.closed.aborted) return
      log.error({ name, reason: address.redact(describe(error)) }, 'connection setup failed')
      current.drop(`setup failed: ${address.redact(describe(error))}`)
    }
  }

  // From the handshake to the end of one connection; returns how long it lived. Throws when there was none.
  const liveOnce = async (generation: number): Promise<number> => {
    const onBlocked = (blocked: string | undefined) => {
      log.warn({ name, blocked }, blocked ? 'broker blocks publishes' : 'broker takes publishes again')
      setState({ kind: 'connected', generation, blocked })
    }
    const current = await openSession({ address, name, generation, connectTimeoutMs, log, onBlocked })
    if (stop.signal.aborted) {
      await current.close()
      return 0
    }
    const since = performance.now()
    session = current
    log.info({ name, broker: address.shown, generation }, 'connected to the broker')
    setState({ kind: 'connected', generation, blocked: undefined })
    live.open()
    for (const setup of setups) void runSetup(setup, current)
    await aborted(current.closed)
    live.shut()
    session = undefined
    return performance.now() - since
  }

  const run = async () => {
    let generation = 1
    let failures = 0
    for (let turn = 0; !stop.signal.aborted; turn += 1) {
      address = nodes[turn % nodes.length] as BrokerAddress
      let reason: string
      try {
        const lived = await liveOnce(generation)
        generation += 1
        failures = lived > stableMs ? 0 : failures + 1
        reason = 'connection lost'
      } catch (error) {
        failures += 1
        reason = describe(error)
      }
      if (stop.signal.aborted) break
      log.warn({ name, failures, reason }, 'not connected to the broker')
      setState({ kind: 'connecting', failures, reason })
      await pause(reconnectDelayMs(failures, nodes.length), stop.signal)
    }
    setState({ kind: 'closed' })
  }
  const running = run()

  return {
    user: address.user,
    vhost: address.vhost,
    managementUrl: () => address.managementUrl,
    state: () => state,
    session: () => session,
    async connected(signal) {
      try {
        await live.passed(signal, stop.signal)
      } catch (cause) {
        const reason =
          state.kind === 'connecting' && state.reason ? state.reason : `no connection to ${address.shown}`
        throw new Unavailable(reason, {
          code: 'broker.unavailable',
          next: 'check that the broker runs and that AMQP_URL names it',
          cause,
        })
      }
      return session as Session
    },
    onConnected(setup) {
      setups.add(setup)
      if (session && live.isOpen()) void runSetup(setup, session)
      return () => setups.delete(setup)
    },
    async close() {
      stop.abort(new Error('the connection was closed'))
      await session?.close()
      await running
    },
  }
}
