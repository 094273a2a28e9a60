import type { Mode, ServiceName } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { databaseNameOf } from '../infra/index.ts'
import { applyFaults, type FaultWindow } from './apply-faults.ts'
import { cleanUp } from './clean-up.ts'
import { readPostgresCounters, readPublished } from './counters.ts'
import { machineSeconds } from './cpu.ts'
import { createActors, drive, now, type Sent } from './driver.ts'
import { createHttpClient, type HttpClient } from './http-client.ts'
import { auditAtRest, waitUntilStill } from './rest.ts'
import type { Settings, Usage } from './results.ts'
import type { ComparisonServers } from './servers.ts'
import { clockOffsetMs, readSettled, samplesOf } from './settle.ts'
import type { LegRecord } from './summarise.ts'
import { type SystemUnderTest, startSystem } from './system.ts'
import { type Plan, planDurationMs, planWorkload } from './workload.ts'

export interface LegOptions {
  settings: Settings
  side: Settings['sides'][number]
  round: number
  servers: ComparisonServers
  logFolder: string
  /** Told how many of the orders were sent, and what is being done else. */
  onProgress: (what: string, sent: number) => void
}

const warmUpRate = 50
const warmUpRestMs = 20_000
/** Beyond the deadline of the last order: longer than the longest pause between two tries of a message. */
const restMarginMs = 35_000

export const seedOf = (settings: Settings, round: number): string => `${settings.seed}/round-${round}`

/** One side, one round: starts the system, warms it up, drives it, breaks it, lets it rest, audits it, and takes it away. */
export const runLeg = async (options: LegOptions): Promise<LegRecord> => {
  const { settings, side, round, servers, onProgress } = options
  const namespace = `compare-${round}-${side.key}`
  const http = createHttpClient(settings.clientTimeoutMs)
  onProgress('starting the services', 0)
  const system = await startSystem({
    ...{ servers, namespace, mode: side.mode, deadlineMs: settings.deadlineMs, logFolder: options.logFolder },
    delayMs: settings.kind === 'self-check' ? side.delayMs : null,
    slowable: slowedBy(settings),
  })
  try {
    onProgress('warming up', 0)
    await warmUp(options, system, http)
    return await measure(options, system, http, namespace)
  } finally {
    http.close()
    await system.stop()
    await cleanUp(servers, namespace)
  }
}

const slowedBy = ({ fault }: Settings): ServiceName[] => [
  ...new Set(
    fault.steps.flatMap(({ action, target }) =>
      action === 'slow' && target !== 'postgres' && target !== 'broker' ? [target] : [],
    ),
  ),
]

const warmUp = async (
  { settings, side, round }: LegOptions,
  { addresses, databaseUrls }: SystemUnderTest,
  http: HttpClient,
): Promise<void> => {
  const { warmUpOrders, users, products } = settings
  if (warmUpOrders === 0) return
  const seed = `${seedOf(settings, round)}/warm-up`
  const plan = planWorkload({ seed, orders: warmUpOrders, rate: warmUpRate, users, products })
  const created = await createActors(plan, addresses, http)
  const { sent } = await drive({ plan, created, url: addresses.order, http, keyPrefix: 'warm-up' })
  checkMode(side.mode, sent)
  await waitUntilStill(databaseUrls, warmUpRestMs)
}

/** RPC answers with the settled order (201), choreography before it is settled (202): proof that the mode is the one asked for. */
const checkMode = (mode: Mode, sent: readonly Sent[]): void => {
  const count = (status: number) => sent.filter((one) => one.status === status).length
  const right = mode === 'rpc' ? count(201) : count(202)
  if (right <= sent.length / 2) {
    throw new Error(
      `the services don't run in ${mode} mode: of ${sent.length} orders ${count(201)} were answered 201 and ${count(202)} with 202`,
    )
  }
}

const keyPrefix = 'measured'

const measure = async (
  { settings, side, round, servers, onProgress }: LegOptions,
  system: SystemUnderTest,
  http: HttpClient,
  namespace: string,
): Promise<LegRecord> => {
  const seed = seedOf(settings, round)
  const plan = planWorkload({ ...settings, seed })
  const created = await createActors(plan, system.addresses, http)
  await withClient(servers.postgres.url, (client) => client.query('CHECKPOINT'))
  const meter = await startUsageMeter(servers, system, namespace)
  const startedAt = new Date().toISOString()

  const { driven, windows } = await driveUnderFault(settings, plan, system, (started) =>
    drive({
      ...{ plan, created, url: system.addresses.order, http, keyPrefix, onStart: started },
      onProgress: (sent) => onProgress('driving', sent),
    }),
  )
  onProgress('coming to rest', plan.orders.length)
  const answered = performance.now()
  const withinMs = settings.deadlineMs + restMarginMs
  const reached = await waitUntilStill(system.databaseUrls, withinMs)
  const tookMs = Math.round(performance.now() - answered)
  const { usage, othersCpuShare } = await meter.read()
  onProgress('auditing', plan.orders.length)
  const findings = await auditAtRest({
    ...{ postgresUrl: servers.postgres.url, amqpUrl: servers.broker.url, namespace },
    deadlineMs: settings.deadlineMs,
    withinMs: Math.max(0, withinMs - tookMs),
  })
  const offsetMs = await clockOffsetMs(system.databaseUrls.order)
  const settled = await readSettled(system.databaseUrls.order, keyPrefix)
  return {
    samples: samplesOf(plan, driven, settled, keyPrefix, offsetMs),
    leg: {
      ...{ round, side: side.key, seed, startedAt, durationMs: planDurationMs(plan), windows },
      ...{
        driver: driven.health,
        clockOffsetMs: offsetMs,
        rest: { reached, tookMs },
        usage,
        othersCpuShare,
        findings,
      },
    },
  }
}

/** The fault begins to count when the first order is due, in every mode alike. */
const driveUnderFault = async <Driven>(
  settings: Settings,
  plan: Plan,
  { targets }: SystemUnderTest,
  run: (onStart: (startedAt: number) => void) => Promise<Driven>,
): Promise<{ driven: Driven; windows: FaultWindow[] }> => {
  let faults: Promise<FaultWindow[]> = Promise.resolve([])
  const driven = run((startedAt) => {
    const sinceStart = () => now() - startedAt
    faults = applyFaults({ profile: settings.fault, durationMs: planDurationMs(plan), targets, sinceStart })
    faults.catch(() => {})
  })
  return { driven: await driven, windows: await faults }
}

/** Counts from now until `read`. What was restarted on the way can't be counted on, and is null. */
const startUsageMeter = async (servers: ComparisonServers, system: SystemUnderTest, namespace: string) => {
  const names = (['order', 'product', 'user'] as const).map((service) => databaseNameOf(service, namespace))
  const brokerPid = servers.broker.pid
  const counters = () => readPostgresCounters(servers.postgres.url, names)
  const publishedBefore = await readPublished(brokerPid)
  const postgres = await counters()
  const cpu = await system.cpu.read()
  const machine = machineSeconds()
  const own = process.cpuUsage()
  return {
    read: async (): Promise<{ usage: Usage; othersCpuShare: number }> => {
      const cpuAfter = await system.cpu.read()
      const machineAfter = machineSeconds()
      const { user, system: kernel } = process.cpuUsage(own)
      const after = await counters()
      const publishedAfter = servers.broker.pid === brokerPid ? await readPublished(brokerPid) : null
      const used = Object.entries(cpuAfter).map(([name, seconds]): [string, number] => [
        name,
        Math.max(0, Math.round((seconds - cpu[name as keyof typeof cpu]) * 100) / 100),
      ])
      const ours = used.reduce((sum, [, seconds]) => sum + seconds, 0) + (user + kernel) / 1e6
      const others = (machineAfter.used - machine.used - ours) / (machineAfter.all - machine.all)
      return {
        usage: {
          cpuSeconds: Object.fromEntries(used),
          transactions: notNegative(after.transactions - postgres.transactions),
          walBytes: notNegative(after.walBytes - postgres.walBytes),
          messages:
            publishedBefore === null || publishedAfter === null
              ? null
              : notNegative(publishedAfter - publishedBefore),
        },
        othersCpuShare: Math.max(0, Math.round(others * 1_000) / 1_000),
      }
    },
  }
}

const notNegative = (count: number): number | null => (count < 0 ? null : count)
