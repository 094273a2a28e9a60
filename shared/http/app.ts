import { setMaxListeners } from 'node:events'
import type { IncomingMessage } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import { Registry } from 'prom-client'
import { z } from 'zod'
import { describe } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { sendAnswer } from './answer.ts'
import { type HandleOptions, handleRoute } from './handle.ts'
import { healthRoutes, type ReadinessCheck } from './health.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { type Listening, listenWith } from './listen.ts'
import { createMeasure } from './measure.ts'
import { openApi } from './openapi.ts'
import { createRateLimit } from './rate-limit.ts'
import { type Route, route } from './route.ts'
import type { Expectations, State, Step } from './state.ts'
import { findRoute, identify, observe, refuse } from './steps.ts'

export interface HttpOptions {
  service: string
  routes: readonly Route[]
  log: Log
  /** What /readyz asks, by name. */
  readiness?: Readonly<Record<string, ReadinessCheck>>
  /** What /metrics shows; requests are measured into it. One of its own when not said. */
  metrics?: Registry
  limits?: Partial<Limits>
}

export interface HttpApp {
  /** Throws Unavailable when the port can't be had. */
  listen(at: { host: string; port: number }): Promise<Listening>
}

/** Everything between a socket and the handlers of a service; the one order in which a request passes the steps. */
export const createHttpApp = (options: HttpOptions): HttpApp => {
  const { service, log, readiness = {}, metrics = new Registry() } = options
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const stopping = new AbortController()
  setMaxListeners(0, stopping.signal) // one for every request in progress
  const expecting: Expectations = { continue: new WeakSet(), unknown: new WeakSet() }
  const lastWords: HandleOptions['lastWords'] = new WeakMap()
  const health = healthRoutes({
    checks: readiness,
    checkMs: limits.readinessMs,
    stopping: stopping.signal,
    metrics,
    log,
  })
  const routes = documented(service, [...options.routes, ...health])

  const router = new Router<State>({ strict: true, sensitive: true, exclusive: 'specificity' })
  const continueWith = ({ req, res }: { req: IncomingMessage; res: { writeContinue(): void } }) => {
    if (expecting.continue.delete(req)) res.writeContinue()
  }
  for (const one of routes) {
    router.register(one.path, [one.method], async (context) => {
      context.state.route = one.path
      const handling = { limits, stopping: stopping.signal, lastWords, continueWith }
      sendAnswer(context, await handleRoute(one, context, context.params, handling), stopping.signal, limits)
    })
  }

  const koa = new Koa<State>()
  koa.on('error', (error) => log.debug({ err: error }, `an answer did not get through: ${describe(error)}`))
  koa
    .use(identify(log, stopping.signal, expecting))
    .use(observe(createMeasure(metrics), lastWords))
    .use(refuse(expecting, createRateLimit(limits.ratePerSecond)))
    .use(findRoute(router))
    .use(router.routes() as unknown as Step)
  return { listen: (at) => listenWith({ koa, limits, stopping, expecting, lastWords, log }, at) }
}

/** Adds GET /openapi.json, which documents itself too. */
const documented = (service: string, routes: readonly Route[]): Route[] => {
  const all: Route[] = [
    ...routes,
    route({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This document',
      answers: { 200: z.looseObject({}) },
      handle: () => ({ status: 200, body: document }),
    }),
  ]
  const document = openApi(service, all)
  return all
}
