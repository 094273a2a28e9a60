import type { ConsumeMessage } from 'amqplib'
import { type ProcedureName, procedures, type ReplyOf, type RequestOf } from '../contracts/index.ts'
import { describe, Refused, Unavailable } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import {
  type BrokerConnection,
  type Consumer,
  consumeRpc,
  deadlineOf,
  inNamespace,
  type Publisher,
  readBody,
  traceparentOf,
} from '../messaging/index.ts'
import { type Deadline, deadlineIn } from './deadline.ts'
import { isOwnQueue } from './own-queues.ts'

export interface Call {
  /** How long the caller still waits: calls made on its behalf end before that. */
  deadline: Deadline
  traceparent: string | undefined
}

/** A procedure as its service serves it. What it throws is answered as an error: Refused with its code, the rest without internals. */
export interface Procedure<P extends ProcedureName = ProcedureName> {
  name: P
  run(request: RequestOf<P>, call: Call): Promise<ReplyOf<P>>
}

/** Types a procedure by its contract. */
export const procedure = <P extends ProcedureName>(
  name: P,
  run: (request: RequestOf<P>, call: Call) => Promise<ReplyOf<P>>,
): Procedure => ({ name, run: run as Procedure['run'] })

export interface RpcServerOptions {
  publisher: Publisher
  namespace: string
  prefetch: number
  /** How long a request without a deadline of its own is worked on, milliseconds. */
  timeoutMs: number
  redeclare: () => Promise<unknown>
  log: Log
  observer: { served(procedure: string, ok: boolean): void; expired(procedure: string): void }
}

type Reply = Record<string, unknown>

/** Serves one procedure on its queue. */
export const serveProcedure = (
  connection: BrokerConnection,
  served: Procedure,
  { publisher, namespace, prefetch, timeoutMs, redeclare, log, observer }: RpcServerOptions,
): Consumer =>
  consumeRpc(connection, {
    queue: inNamespace(namespace, served.name),
    prefetch,
    publisher,
    redeclare,
    log,
    drainTimeoutMs: timeoutMs,
    isReplyQueue: (name) => !isOwnQueue(name),
    onExpired: () => observer.expired(served.name),
    async answer(message) {
      const reply = await answer(served, message, timeoutMs, log)
      observer.served(served.name, reply.ok === true)
      return reply
    },
  })

const answer = async (
  served: Procedure,
  message: ConsumeMessage,
  timeoutMs: number,
  log: Log,
): Promise<Reply> => {
  const { type, headers } = message.properties
  if (type !== undefined && type !== served.name)
    return failed(
      'rpc.unknown_procedure',
      `this queue serves ${served.name}, not ${String(type).slice(0, 100)}`,
    )
  const body = readBody(message)
  if (!body.ok) return failed(body.code, body.reason)
  const request = procedures[served.name].request.safeParse(body.data)
  if (!request.success) {
    const problems = request.error.issues.map((issue) => `/${issue.path.join('/')} ${issue.message}`)
    return failed('rpc.invalid', problems.join('; '))
  }
  const deadline = deadlineIn(
    Math.min(timeoutMs, (deadlineOf(message) ?? Number.POSITIVE_INFINITY) - Date.now()),
  )
  try {
    return await served.run(request.data as never, {
      deadline,
      traceparent: traceparentOf(headers?.traceparent),
    })
  } catch (error) {
    if (error instanceof Refused) return failed(error.code, error.message)
    log.warn({ procedure: served.name, reason: describe(error) }, 'a procedure failed')
    return error instanceof Unavailable
      ? failed(error.code, 'a dependency is not available at the moment')
      : failed('internal', 'this is a defect of the service')
  }
}

const failed = (code: string, message: string): Reply => ({ ok: false, error: { code, message } })
