import type { Registry } from 'prom-client'
import { z } from 'zod'
import { describe } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { type Route, route } from './route.ts'

/** Resolves when the dependency can be used; false or an error means it can't. */
export type ReadinessCheck = () => Promise<unknown>

const Readiness = z.object({
  status: z.enum(['ready', 'not ready', 'stopping']),
  checks: z.record(z.string(), z.enum(['up', 'down'])),
})

export interface HealthOptions {
  checks: Readonly<Record<string, ReadinessCheck>>
  checkMs: number
  stopping: AbortSignal
  metrics: Registry
  log: Log
}

const within = async (ms: number, check: ReadinessCheck): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([check(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Alive, ready, and measured: the routes every service has. What a failed check said is logged, not answered. */
export const healthRoutes = ({ checks, checkMs, stopping, metrics, log }: HealthOptions): Route[] => {
  const look = async ([name, check]: [string, ReadinessCheck]): Promise<[string, 'up' | 'down']> => {
    try {
      return [name, (await within(checkMs, check)) === false ? 'down' : 'up']
    } catch (error) {
      log.debug({ check: name }, `not ready: ${describe(error)}`)
      return [name, 'down']
    }
  }
  return [
    route({
      method: 'GET',
      path: '/livez',
      summary: 'Whether the process runs',
      answers: { 200: z.object({ status: z.literal('alive') }) },
      handle: () => ({ status: 200, body: { status: 'alive' } }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      summary:
        'Whether requests can be served: not while a dependency is down, nor from the moment stopping begins',
      answers: { 200: Readiness, 503: Readiness },
      handle: async () => {
        const found = Object.fromEntries(await Promise.all(Object.entries(checks).map(look)))
        if (stopping.aborted) return { status: 503, body: { status: 'stopping', checks: found } }
        const ready = Object.values(found).every((state) => state === 'up')
        return ready
          ? { status: 200, body: { status: 'ready', checks: found } }
          : { status: 503, body: { status: 'not ready', checks: found } }
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Measurements, in the Prometheus text format',
      answers: { 200: z.string() },
      handle: async () => ({
        status: 200,
        body: await metrics.metrics(),
        headers: { 'Content-Type': metrics.contentType },
      }),
    }),
  ]
}
