import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { describe, Unavailable } from '../failure/index.ts'
import type { BrokerAddress } from './broker-url.ts'
import { createGate } from './gate.ts'
import type { Log } from './log-port.ts'
import { type FrameReader, readEveryFrame } from './readable-frames.ts'
import { createAbort, within } from './time-limit.ts'

/** One live connection, from its handshake to its end. Channels belong to it and die with it. */
export interface Session {
  /** Counts the connections made, from 1. */
  generation: number
  /** Aborts when the connection is gone; the reason is an `Error` saying why. */
  closed: AbortSignal
  createChannel(): Promise<Channel>
  createConfirmChannel(): Promise<ConfirmChannel>
  /** Why the broker takes no publishes at present (memory or disk alarm), if so. */
  blocked(): string | undefined
  /** Resolves when the broker takes publishes; rejects when the connection ends or the signal aborts. */
  unblocked(signal?: AbortSignal): Promise<void>
  /** Ends this connection hard; the supervisor makes the next one. */
  drop(reason: string): void
  /** Ends it politely, and hard after two seconds. */
  close(): Promise<void>
}

// What amqplib's types leave out: after a heartbeat loss it only half-closes the socket, so that we have to destroy it.
interface Internals extends EventEmitter, FrameReader {
  stream: Socket
  expectSocketClose: boolean
}

export interface SessionOptions {
  address: BrokerAddress
  /** Shown in the broker's list of connections. */
  name: string
  generation: number
  connectTimeoutMs: number
  log: Log
  onBlocked(reason: string | undefined): void
}

const closeTimeoutMs = 2_000
const channelTimeoutMs = 5_000

/** Connects and shakes hands. Throws `Unavailable` (`broker.unavailable`); its message holds no credentials. */
export const openSession = async (options: SessionOptions): Promise<Session> => {
  const { address, name, connectTimeoutMs } = options
  const socketOptions = {
    timeout: connectTimeoutMs,
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: 10_000,
    clientProperties: { connection_name: name },
  }
  try {
    const opening = connect(address.url, socketOptions)
    const model = await within(connectTimeoutMs + 500, 'connecting', opening, (late) =>
      socketOf(late).destroy(),
    )
    writeOncePerTurn(socketOf(model))
    readEveryFrame(internalsOf(model))
    return watch(model, options)
  } catch (error) {
    throw new Unavailable(`no connection to ${address.shown}: ${address.redact(whyNot(error, address))}`, {
      code: 'broker.unavailable',
      next: 'check that the broker runs and that AMQP_URL names it',
    })
  }
}

/** The library gives the broker's words for a wrong virtual host away. */
const whyNot = (error: unknown, { vhost }: BrokerAddress): string =>
  /^Expected ConnectionOpenOk; got <ConnectionClose/.test(describe(error))
    ? `there is no virtual host ${vhost}, or this user may not use it`
    : describe(error)

const internalsOf = (model: ChannelModel) => model.connection as unknown as Internals
const socketOf = (model: ChannelModel) => internalsOf(model).stream

/** What is written in one turn of the event loop leaves in one system call, not in one a message or an acknowledgement. */
const writeOncePerTurn = (socket: Socket): void => {
  const write = socket.write
  let isCorked = false
  socket.write = (...chunk: unknown[]) => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(() => {
        isCorked = false
        socket.uncork()
      })
    }
    return write.apply(socket, chunk as Parameters<typeof write>)
  }
}

const watch = (model: ChannelModel, { address, generation, log, onBlocked }: SessionOptions): Session => {
  const internals = internalsOf(model)
  const gone = createAbort()
  const flowing = createGate('open')
  let blocked: string | undefined
  let problem: string | undefined

  const end = (reason: string) => {
    // With an error, so that the client library notices too and ends its channels and timers.
    internals.stream.destroy(new Error(reason))
    if (!gone.signal.aborted) gone.abort(new Error(reason))
  }
  const setBlocked = (reason: string | undefined) => {
    blocked = reason
    if (reason === undefined) flowing.open()
    else flowing.shut()
    onBlocked(reason)
  }
  model.on('error', (error) => {
    problem = address.redact(describe(error))
    log.warn({ generation, reason: problem }, 'broker connection error')
  })
  internals.on('handler-error', (error) => log.error({ reason: describe(error) }, 'broker listener threw'))
  model.on('close', (error) => end(problem ?? (error ? address.redact(describe(error)) : 'closed')))
  model.on('blocked', (reason) => setBlocked(reason || 'blocked'))
  model.on('unblocked', () => setBlocked(undefined))
  // The end may have come in the same read as the handshake's last frame, before anyone listened.
  if (internals.expectSocketClose) end('closed during the handshake')

  const opened = async <C extends Channel>(what: string, opening: Promise<C>) => {
    const channel = await within(channelTimeoutMs, what, opening, (late) => void late.close().catch(() => {}))
    // Whoever uses the channel acts on its close, and says so where it matters.
    channel.on('error', (error) => log.debug({ generation, reason: describe(error) }, 'channel error'))
    channel.on('handler-error', (error) => log.debug({ reason: describe(error) }, 'channel listener threw'))
    return channel
  }
  return {
    generation,
    closed: gone.signal,
    createChannel: () => opened('opening a channel', model.createChannel()),
    createConfirmChannel: () => opened('opening a confirm channel', model.createConfirmChannel()),
    blocked: () => blocked,
    unblocked: (signal) => flowing.passed(signal, gone.signal),
    drop: end,
    async close() {
      await within(closeTimeoutMs, 'closing', model.close()).catch(() => {})
      end('closed')
    },
  }
}
