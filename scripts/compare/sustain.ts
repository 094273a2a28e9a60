import { cleanUp } from './clean-up.ts'
import { createActors, drive } from './driver.ts'
import { createHttpClient, type HttpClient } from './http-client.ts'
import { waitUntilStill } from './rest.ts'
import type { Settings, Sustained } from './results.ts'
import { isAccepted, settleTimeMs } from './samples.ts'
import type { ComparisonServers } from './servers.ts'
import { clockOffsetMs, readSettled, samplesOf } from './settle.ts'
import { quantile } from './statistics.ts'
import { type SystemUnderTest, startSystem } from './system.ts'
import { planWorkload } from './workload.ts'

const stepSeconds = 10
const growth = 1.25
const mostSteps = 16
const settleLimitMs = 1_000
const acceptedLimit = 0.99
const restWithinMs = 30_000

/**
 * The highest rate that one side holds: from the rate asked for, a quarter more each step, until p99 of the time to settle of
 * all orders sent is over a second, or more than 1 % are not accepted, twice in a row at the same rate.
 */
export const findSustained = async (options: {
  settings: Settings
  side: Settings['sides'][number]
  servers: ComparisonServers
  logFolder: string
  onProgress: (what: string) => void
}): Promise<Sustained> => {
  const { settings, side, servers, logFolder, onProgress } = options
  const namespace = `compare-most-${side.key}`
  const http = createHttpClient(settings.clientTimeoutMs)
  const { mode } = side
  const system = await startSystem({
    ...{ servers, namespace, mode, deadlineMs: settings.deadlineMs, logFolder, delayMs: null, slowable: [] },
  })
  try {
    return await climb(settings, side.key, (rate, attempt) => {
      onProgress(`${side.name}: ${Math.round(rate)} orders a second`)
      return tryRate(settings, system, http, rate, attempt)
    })
  } finally {
    http.close()
    await system.stop()
    await cleanUp(servers, namespace)
  }
}

/** Climbs until a rate is not held twice. */
export const climb = async (
  { rate: first }: Pick<Settings, 'rate'>,
  side: string,
  attempt: (rate: number, attempt: number) => Promise<Sustained['steps'][number]>,
): Promise<Sustained> => {
  const steps: Sustained['steps'] = []
  let rate = first
  let held: number | null = null
  let failures = 0
  while (steps.length < mostSteps && failures < 2) {
    const step = await attempt(rate, failures)
    steps.push(step)
    if (step.held) {
      held = rate
      failures = 0
      rate = Math.round(rate * growth * 10) / 10
    } else {
      failures += 1
    }
  }
  return { side, rate: held, steps }
}

const tryRate = async (
  settings: Settings,
  system: SystemUnderTest,
  http: HttpClient,
  rate: number,
  attempt: number,
): Promise<Sustained['steps'][number]> => {
  const keyPrefix = `at-${rate}-${attempt}`
  const orders = Math.round(rate * stepSeconds)
  const plan = planWorkload({ ...settings, seed: `${settings.seed}/${keyPrefix}`, orders, rate })
  const created = await createActors(plan, system.addresses, http)
  const driven = await drive({ plan, created, url: system.addresses.order, http, keyPrefix })
  await waitUntilStill(system.databaseUrls, restWithinMs)
  const offsetMs = await clockOffsetMs(system.databaseUrls.order)
  const settled = await readSettled(system.databaseUrls.order, keyPrefix)
  const samples = samplesOf(plan, driven, settled, keyPrefix, offsetMs)
  const p99 =
    quantile(
      samples.map((sample) => settleTimeMs(sample) ?? Infinity),
      0.99,
    ) ?? Infinity
  const acceptedShare = samples.filter(isAccepted).length / samples.length
  return {
    rate,
    settleP99Ms: p99 === Infinity ? null : p99,
    acceptedShare,
    held: p99 <= settleLimitMs && acceptedShare >= acceptedLimit,
  }
}
