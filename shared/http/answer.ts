import { STATUS_CODES } from 'node:http'
import { describe } from '../failure/index.ts'
import { type EventSource, streamEvents } from './event-stream.ts'
import type { Limits } from './limits.ts'
import { type ProblemAnswer, problemOf, problemType } from './problem.ts'
import type { Answer } from './route.ts'
import type { Context } from './state.ts'

/** Sends what a handler returned. */
export const sendAnswer = (context: Context, answer: Answer, stopping: AbortSignal, limits: Limits): void => {
  context.status = answer.status
  context.set('Cache-Control', 'no-store')
  context.set(answer.headers ?? {})
  if (answer.events !== undefined) {
    context.set('Content-Type', 'text/event-stream; charset=utf-8')
    context.body = context.method === 'HEAD' ? '' : streamOf(context, answer.events, stopping, limits)
  } else if (answer.body === undefined) {
    context.body = null
    context.status = answer.status
  } else if (answer.headers?.['Content-Type'] !== undefined) {
    context.body = answer.body
  } else {
    context.set('Content-Type', 'application/json; charset=utf-8')
    context.body = JSON.stringify(answer.body)
  }
}

const streamOf = (context: Context, events: EventSource, signal: AbortSignal, { heartbeatMs }: Limits) => {
  const { log } = context.state
  const onError = (error: unknown) => log.error({ err: error }, `a stream failed: ${describe(error)}`)
  return streamEvents(events, { signal, heartbeatMs, onError })
}

/** Sends an error as problem+json; logs what is not the caller's fault. */
export const sendProblem = (context: Context, error: unknown): void => {
  const { id, log } = context.state
  const { status, headers, body } = problemOf(error, id)
  if (status >= 500) {
    const message = `${context.method} ${context.state.route}: ${describe(error)}`
    if (status === 500) log.error({ err: error }, message)
    else log.warn({ err: error }, message)
  }
  // The rest of the body is read and discarded, see listen.ts: also for a client that wants the connection closed, since closing
  // at once would reset it.
  if (!context.req.complete) context.res.shouldKeepAlive = true
  context.status = status
  context.set(headers)
  context.set('Cache-Control', 'no-store')
  context.set('Content-Type', problemType)
  context.body = JSON.stringify(body)
}

/** The whole of an answer to a request that could not even be parsed; the connection ends with it. */
export const rawProblem = ({ status, headers, body }: ProblemAnswer, requestId: string): string => {
  const text = JSON.stringify(body)
  const head = {
    ...headers,
    'Content-Type': problemType,
    'Content-Length': String(Buffer.byteLength(text)),
    'X-Request-Id': requestId,
    Connection: 'close',
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`
}
