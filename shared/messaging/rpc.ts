import { randomUUID } from 'node:crypto'
import type { Channel, ConsumeMessage } from 'amqplib'
import { describe } from '../failure/index.ts'
import { keepChannel, type Lease } from './channel-keeper.ts'
import type { BrokerConnection } from './connection.ts'
import { type ConsumeOptions, type Consumer, consume, type Outcome } from './consumer.ts'
import { directReplyTo, isPublishable } from './direct-reply.ts'
import { createGate } from './gate.ts'
import type { Log } from './log-port.ts'
import { readBody } from './message-body.ts'
import { prepare } from './prepare.ts'
import type { Publisher } from './publisher.ts'

/** When the caller gives up, as milliseconds since 1970; with it a server can leave a request that waited too long in its own hands. */
export const deadlineHeader = 'x-deadline'

export interface RpcRequest {
  queue: string
  procedure: string
  body: unknown
  /** The request expires in its queue after so long, and the caller waits no longer. */
  timeoutMs: number
  headers?: Readonly<Record<string, unknown>>
}

export type RpcOutcome =
  | { kind: 'reply'; body: Record<string, unknown> }
  /** It may have been executed, and may still be. */
  | { kind: 'unknown'; reason: string }
  /** It was never sent, or no queue took it: it is not executed. */
  | { kind: 'unsent'; reason: string }

export interface RpcCaller {
  call(request: RpcRequest): Promise<RpcOutcome>
  stop(): Promise<void>
}

interface Waiting {
  settle(outcome: RpcOutcome): void
}

export interface RpcCallerOptions {
  log: Log
  /** A reply nobody waits for: foreign, late, or the second one. */
  onStray?: () => void
}

/** Calls procedures of other services. Every call settles at the latest after its own time-out; none throws. */
export const openRpcCaller = (
  connection: BrokerConnection,
  { log, onStray = () => {} }: RpcCallerOptions,
): RpcCaller => {
  const waiting = new Map<string, Waiting>()
  const open = createGate('shut')
  let line: Lease<Channel> | undefined

  const receive = (message: ConsumeMessage | null) => {
    if (message === null) return line?.retire('the reply consumer was cancelled')
    const call = waiting.get(String(message.properties.correlationId))
    if (call === undefined) return onStray()
    const read = readBody(message)
    call.settle(
      read.ok ? { kind: 'reply', body: read.data } : { kind: 'unknown', reason: `reply: ${read.reason}` },
    )
  }

  const keeper = keepChannel<Channel>(connection, {
    log,
    name: 'the RPC channel',
    open: (session) => session.createChannel(),
    async use(lease) {
      await lease.channel.consume(directReplyTo, receive, { noAck: true })
      lease.channel.on('return', ({ properties }) =>
        waiting
          .get(String(properties.correlationId))
          ?.settle({ kind: 'unsent', reason: 'no queue takes the request' }),
      )
      if (lease.closed.aborted) return
      line = lease
      open.open()
      lease.closed.addEventListener('abort', () => {
        line = undefined
        open.shut()
        // Their replies were addressed to this channel.
        for (const call of waiting.values())
          call.settle({ kind: 'unknown', reason: describe(lease.closed.reason) })
      })
    },
  })

  const send = (request: RpcRequest, correlationId: string, channel: Channel): string | undefined => {
    const { queue, procedure, body, timeoutMs, headers } = request
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      type: procedure,
      correlationId,
      replyTo: directReplyTo,
      messageId: correlationId,
      deliveryMode: 1,
      expiration: String(Math.max(1, Math.floor(timeoutMs))),
      headers: { ...headers, [deadlineHeader]: Date.now() + timeoutMs },
    }
    const message = prepare(
      { exchange: '', routingKey: queue, body, properties, mandatory: true },
      connection.user,
    )
    if ('refused' in message) return message.refused
    try {
      channel.publish('', queue, message.content, message.options)
      return undefined
    } catch (error) {
      return describe(error)
    }
  }

  return {
    async call(request) {
      const { timeoutMs } = request
      const deadline = performance.now() + timeoutMs
      if (line === undefined) await open.passed(AbortSignal.timeout(Math.ceil(timeoutMs))).catch(() => {})
      const channel = line?.channel
      if (channel === undefined) return { kind: 'unsent', reason: 'not connected to the broker' }
      const correlationId = randomUUID()
      const left = Math.max(1, deadline - performance.now())
      return new Promise<RpcOutcome>((resolve) => {
        const settle = (outcome: RpcOutcome) => {
          clearTimeout(timer)
          waiting.delete(correlationId)
          resolve(outcome)
        }
        const late = () => settle({ kind: 'unknown', reason: `no reply within ${Math.round(timeoutMs)} ms` })
        const timer = setTimeout(late, left)
        waiting.set(correlationId, { settle })
        const refused = send({ ...request, timeoutMs: left }, correlationId, channel)
        if (refused !== undefined) settle({ kind: 'unsent', reason: refused })
      })
    },
    stop: () => keeper.stop(),
  }
}

/** Request and reply: asks a queue and waits for the answer. */
export const publishRpc = (caller: RpcCaller, request: RpcRequest): Promise<RpcOutcome> =>
  caller.call(request)

export interface ServeOptions extends Omit<ConsumeOptions, 'handle' | 'retryDelaysMs' | 'publisher'> {
  publisher: Publisher
  /** Makes the reply; a throw is a defect, and the request goes to the dead-letter queue. */
  answer(message: ConsumeMessage): Promise<Record<string, unknown>>
  /** Whether replies may go to the queue of this name: never to one that somebody works on. */
  isReplyQueue(name: string): boolean
  /** A request whose caller gave up: it was not executed. */
  onExpired?: () => void
}

/** Serves a queue of requests: one reply each, to its caller's own address. What has no such address goes to the dead-letter queue. */
export const consumeRpc = (connection: BrokerConnection, options: ServeOptions): Consumer => {
  const { queue, answer, publisher, log, isReplyQueue, onExpired = () => {} } = options

  const handle = async (message: ConsumeMessage): Promise<Outcome> => {
    const { correlationId, replyTo } = message.properties
    if (
      typeof correlationId !== 'string' ||
      correlationId === '' ||
      typeof replyTo !== 'string' ||
      replyTo === ''
    )
      return {
        kind: 'dead-letter',
        code: 'rpc.no_return_address',
        reason: 'a request needs replyTo and correlationId',
      }
    if (!isPublishable(replyTo) || !isReplyQueue(replyTo))
      return { kind: 'dead-letter', code: 'rpc.return_address', reason: 'replyTo is no queue for replies' }
    if (isExpired(message)) {
      onExpired()
      return { kind: 'ack' }
    }
    const body = await answer(message)
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId,
      deliveryMode: 1,
    }
    const reply = { exchange: '', routingKey: replyTo, body, properties, mandatory: false }
    const outcome = await publisher.publish(reply)
    // Its caller can't be told; it learns by asking again.
    if (outcome.kind !== 'confirmed')
      log.warn({ queue, replyTo, correlationId, outcome }, 'reply not delivered')
    return { kind: 'ack' }
  }
  return consume(connection, { ...options, handle, publisher, retryDelaysMs: [] })
}

/** When the caller of a request gives up, as milliseconds since 1970; undefined when the request does not say. */
export const deadlineOf = ({ properties }: ConsumeMessage): number | undefined => {
  const deadline: unknown = properties.headers?.[deadlineHeader]
  return typeof deadline === 'number' && Number.isFinite(deadline) ? deadline : undefined
}

const isExpired = (message: ConsumeMessage) => (deadlineOf(message) ?? Number.POSITIVE_INFINITY) <= Date.now()
