import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type Router from '@koa/router'
import { Refused } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { sendProblem } from './answer.ts'
import type { createMeasure } from './measure.ts'
import { HttpRefusal } from './problem.ts'
import {
  isPlainPath,
  pathOf,
  refuseHost,
  refuseTransferCoding,
  requestIdOf,
  traceparentOf,
} from './request-head.ts'
import type { Expectations, State, Step } from './state.ts'

/** Gives a request its id, trace and log, and ends the connection where it can't be used further. */
export const identify =
  (log: Log, stopping: AbortSignal, expecting: Expectations): Step =>
  async (context, next) => {
    const { req } = context
    const id = requestIdOf(req)
    Object.assign(context.state, {
      id,
      traceparent: traceparentOf(req),
      route: 'none',
      log: log.child({ requestId: id }),
    })
    context.set('X-Request-Id', id)
    context.set('X-Content-Type-Options', 'nosniff')
    await next()
    // A client that was not told to continue may or may not send its body: no next request could be told from it.
    if (stopping.aborted || expecting.continue.has(req) || expecting.unknown.has(req))
      context.set('Connection', 'close')
  }

/** As nginx has it: the client left before it had an answer. */
const clientLeft = 499

/** Turns what is thrown into an answer, and measures and logs every request once, by the status its client was sent. */
export const observe =
  (measure: ReturnType<typeof createMeasure>, lastWords: WeakMap<Socket, number>): Step =>
  async (context, next) => {
    const began = performance.now()
    context.res.once('close', () => {
      const { route, log } = context.state
      const { method, res, req } = context
      const took = performance.now() - began
      const status = res.headersSent ? res.statusCode : (lastWords.get(req.socket) ?? clientLeft)
      measure(method, route, status, took / 1000)
      log.debug({ method, route, status, ms: Math.round(took) }, 'request')
    })
    try {
      await next()
    } catch (error) {
      sendProblem(context, error)
    }
  }

/** What is refused whatever the route. */
export const refuse =
  (expecting: Expectations, rateLimit: (request: IncomingMessage) => Promise<void>): Step =>
  async ({ req }, next) => {
    refuseHost(req)
    refuseTransferCoding(req)
    if (expecting.unknown.has(req)) {
      const details = { code: 'expectation.unknown', next: 'Send the request without Expect.', status: 417 }
      throw new HttpRefusal('invalid', 'Only Expect: 100-continue can be met.', details)
    }
    await rateLimit(req)
    await next()
  }

/** 404 for an unknown path; for a known one OPTIONS tells its methods, and any other method is a 405. */
export const findRoute =
  (router: Router<State>): Step =>
  async (context, next) => {
    const { method } = context
    const path = pathOf(context)
    const known = isPlainPath(path) ? router.match(path, method) : undefined
    if (known === undefined || known.path.length === 0) {
      throw new Refused('not_found', 'There is nothing at this address.', {
        code: 'route.not_found',
        next: 'GET /openapi.json lists what there is.',
      })
    }
    const methods = new Set(known.path.flatMap((layer) => layer.methods))
    const allow = [...methods, 'OPTIONS'].join(', ')
    context.state.route = String(known.path[0]?.path ?? 'none')
    if (method === 'OPTIONS') {
      context.status = 204
      context.set('Allow', allow)
      return
    }
    if (!methods.has(method)) {
      const details = { code: 'method.not_allowed', next: `Use one of ${allow}.`, headers: { Allow: allow } }
      throw new HttpRefusal('method_not_allowed', 'This address does not know this method.', details)
    }
    await next()
  }
