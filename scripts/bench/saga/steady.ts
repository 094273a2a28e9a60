import { setTimeout as pause } from 'node:timers/promises'
import {
  clockOffsetMs,
  createActors,
  createHttpClient,
  drive,
  percentiles,
  planWorkload,
  readSettled,
  samplesOf,
} from '../../compare/index.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'
import { checkAtRest } from './check-at-rest.ts'
import { type Services, withServices } from './services.ts'

export const steadyRate = 50
const warmUpOrders = 300
const patienceMs = 120_000
const lookEveryMs = 50

/** Orders at a steady rate, a fifth of them bound to fail: the time from when each was due to its terminal status. */
export const settleAtRate = (scene: Scene, orders: number): Promise<Outcome> =>
  withServices(scene, {}, async (services) => {
    const count = scene.scaled(orders)
    await settled(services, { seed: 'warm-up', orders: warmUpOrders, rate: steadyRate })
    let times: number[] = []
    await scene.window(count, async () => {
      times = await settled(services, { seed: 'measured', orders: count, rate: steadyRate })
    })
    await checkAtRest(services)
    const { p50, p99 } = percentiles(times)
    return { figures: { p50: p50 ?? 0, p99: p99 ?? 0 }, raw: { ms: times } }
  })

export interface Steady {
  seed: string
  orders: number
  /** Orders a second. */
  rate: number
  onProgress?: (sent: number) => void
}

/** Places orders at a rate, whatever the answers; returns how long each took to settle, in milliseconds from when it was due. */
export const settled = async (
  { urls, databases }: Services,
  { seed, orders, rate, onProgress = () => {} }: Steady,
): Promise<number[]> => {
  const http = createHttpClient(10_000)
  try {
    const plan = planWorkload({ seed, orders, rate })
    const created = await createActors(plan, urls, http)
    const driven = await drive({ plan, created, url: urls.order, http, keyPrefix: seed, onProgress })
    const offsetMs = await clockOffsetMs(databases.order)
    const left = async () => {
      const ends = await readSettled(databases.order, seed)
      const samples = samplesOf(plan, driven, ends, seed, offsetMs)
      return samples.map(({ settledMs, intendedMs }) => (settledMs === null ? null : settledMs - intendedMs))
    }
    for (const until = performance.now() + patienceMs; ; await pause(lookEveryMs)) {
      const times = await left()
      const known = times.filter((ms) => ms !== null)
      if (known.length === times.length) return known
      if (performance.now() > until) throw new Error(`${times.length - known.length} orders were not settled`)
    }
  } finally {
    http.close()
  }
}
