import { createHttpClient, percentiles } from '../../compare/index.ts'
import type { Outcome } from '../part.ts'
import { checkAtRest } from '../saga/check-at-rest.ts'
import { createShop, settleAll } from '../saga/saturate.ts'
import { type Services, withServices } from '../saga/services.ts'
import { settled } from '../saga/steady.ts'
import type { Scene } from '../scene.ts'
import { growthPercent, watchMemory } from './memory.ts'

/** Of what is settled at most: a rate that is kept up for long. */
export const sustainedShare = 0.7
const mostOrders = 4_000
const readEveryMs = 2_000
/** A short soak is read more often. */
const leastReadings = 100
const restWithinMs = 300_000

/** Orders at a rate that is kept up, a fifth of them bound to fail; memory of each service meanwhile, and the audit at the end. */
export const soak = (scene: Scene, orders: number): Promise<Outcome> =>
  withServices(scene, {}, async (services) => {
    const count = scene.scaled(orders)
    const rate = scene.rate ?? sustainedShare * (await mostSettled(services, scene.scaled(mostOrders)))
    const everyMs = Math.min(readEveryMs, (1_000 * count) / rate / leastReadings)
    const pids = services.processes.map(({ pid }) => pid)
    let times: number[] = []
    let memory: number[][] = []
    await scene.window(count, async () => {
      const watch = watchMemory(pids, everyMs)
      const onProgress = (done: number) => scene.progress(done, count)
      times = await settled(services, { seed: 'soak', orders: count, rate, onProgress })
      memory = await watch.stop()
    })
    await checkAtRest(services, restWithinMs)
    const readings = services.processes.map(({ name }, index) => [name, memory[index] ?? []] as const)
    const growths = readings.map(([name, mb]) => [name, growthPercent(mb)] as const)
    return {
      figures: { rate, p99: percentiles(times).p99 ?? 0, ...Object.fromEntries(growths) },
      raw: { ms: times, ...Object.fromEntries(readings) },
    }
  })

/** Orders a second, settled as fast as they can be. */
const mostSettled = async (services: Services, orders: number): Promise<number> => {
  const http = createHttpClient(30_000)
  try {
    const orderFor = await createShop(services, http, false)
    return orders / (await settleAll(services, http, orderFor, orders))
  } finally {
    http.close()
  }
}
