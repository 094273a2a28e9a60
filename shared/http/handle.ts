import type { Socket } from 'node:net'
import { z } from 'zod'
import { Refused, Unavailable } from '../failure/index.ts'
import { hasBody, parseObject, readBytes, refuseAnnouncedSize, refuseMediaType } from './body.ts'
import type { Limits } from './limits.ts'
import { headersOf, queryOf } from './request-head.ts'
import type { Answer, Request, Route } from './route.ts'
import type { Context } from './state.ts'
import { validated } from './validate.ts'

const nothing = z.strictObject({})

/** What every route handler is run with. */
export interface HandleOptions {
  limits: Limits
  stopping: AbortSignal
  /** Connections whose last answer came from no handler (their request was malformed or too slow), and its status. */
  lastWords: WeakMap<Socket, number>
  /** Tells a client that waits for it (`Expect: 100-continue`) to send its body now. */
  continueWith(context: Context): void
}

/** Reads every input of a route as its schemas say; the body last, so that nothing is read for a request refused anyway. */
const readInputs = async (route: Route, context: Context, params: unknown, options: HandleOptions) => {
  const { req } = context
  const { bodyBytes } = options.limits
  const inputs = {
    params: validated(route.params ?? nothing, params, ['params']),
    query: validated(route.query ?? nothing, queryOf(context.querystring), ['query']),
    headers: validated(route.headers ?? nothing, headersOf(req, Object.keys(route.headers?.shape ?? {})), [
      'headers',
    ]),
  }
  if (route.body !== undefined) refuseMediaType(req)
  refuseAnnouncedSize(req, bodyBytes)
  if (hasBody(req)) options.continueWith(context)
  const bytes = hasBody(req) ? await readBytes(req, bodyBytes) : Buffer.alloc(0)
  const body = route.body === undefined ? undefined : validated(route.body, parseObject(bytes))
  return { ...inputs, body }
}

/** Runs a handler within its time; its signal aborts when the client leaves, time is up, or the service stops. */
const answerWithin = async (
  ms: number,
  context: Context,
  stopping: AbortSignal,
  run: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> => {
  const over = new AbortController()
  const gone = () => over.abort()
  context.res.once('close', gone)
  stopping.addEventListener('abort', gone)
  if (context.res.closed || stopping.aborted) gone()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Unavailable('the handler took too long', { code: 'request.timed_out' }))
      over.abort()
    }, ms)
  })
  try {
    return await Promise.race([run(over.signal), late])
  } catch (error) {
    // A handler that was waiting when the signal came says so by the signal's own error: no defect.
    if (!over.signal.aborted || error !== over.signal.reason) throw error
    throw new Unavailable('the request was given up', { code: 'request.given_up', cause: error })
  } finally {
    clearTimeout(timer)
    context.res.off('close', gone)
    stopping.removeEventListener('abort', gone)
  }
}

/** From a matched request to what its handler answers; throws what refuses it. */
export const handleRoute = async (
  route: Route,
  context: Context,
  params: unknown,
  options: HandleOptions,
): Promise<Answer> => {
  const { id, traceparent, log } = context.state
  const inputs = await readInputs(route, context, params, options)
  if (options.lastWords.has(context.req.socket)) {
    throw new Refused('timeout', 'The request arrived after it was refused.', {
      code: 'request.too_slow',
      next: 'Send it again, all at once.',
    })
  }
  return answerWithin(options.limits.handleMs, context, options.stopping, (signal) => {
    const request: Request = { ...inputs, id, traceparent, log, signal }
    return route.handle(request)
  })
}
