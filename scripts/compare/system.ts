import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { environment } from '../../shared/config/index.ts'
import { type Mode, type ServiceName, services } from '../../shared/contracts/index.ts'
import { createResources } from '../../shared/lifecycle/index.ts'
import { databaseUrlOf, freePort, provision } from '../infra/index.ts'
import type { Target } from './apply-faults.ts'
import { type CpuMeter, createCpuMeter } from './cpu.ts'
import { type DelayProxy, startDelayProxy } from './delay-proxy.ts'
import type { Addresses } from './driver.ts'
import type { TargetName } from './faults.ts'
import { targets as targetNames } from './faults.ts'
import type { ComparisonServers } from './servers.ts'
import { createServiceUnderTest, type ServiceUnderTest } from './service-under-test.ts'

export interface SystemOptions {
  servers: ComparisonServers
  namespace: string
  mode: Mode
  /** ORDER_DEADLINE_MS. */
  deadlineMs: number
  /** Latency added to each request to the order service by a proxy; null for no proxy. */
  delayMs: number | null
  /** Services whose database a fault will slow down. */
  slowable: readonly ServiceName[]
  logFolder: string
}

export interface SystemUnderTest {
  addresses: Addresses
  databaseUrls: Record<ServiceName, string>
  targets: Record<TargetName, Target>
  cpu: CpuMeter<TargetName>
  stop(): Promise<void>
}

export const retryDelaysMs = [200, 1_000, 5_000, 30_000]

/**
 * The whole system in one mode: new databases, new queues, three new processes, all ready. What is not said here is as it
 * comes, but for the rate limit per client (the driver is one client) and the log level, the same in every mode.
 */
export const startSystem = async (options: SystemOptions): Promise<SystemUnderTest> => {
  const { servers, namespace, delayMs, slowable, logFolder } = options
  const resources = createResources(() => {})
  try {
    await mkdir(logFolder, { recursive: true })
    const postgresUrl = servers.postgres.url
    await provision({ postgresUrl, amqpUrl: servers.broker.url }, { namespace, retryDelaysMs })
    const databaseUrls = byService((name) => databaseUrlOf(name, postgresUrl, namespace))
    const proxyTo = (url: string, direction: 'requests' | 'answers') =>
      resources.acquire(
        'a proxy',
        () => startDelayProxy({ host: '127.0.0.1', port: Number(new URL(url).port) }, direction),
        (it) => it.close(),
      )
    const slowers = new Map<ServiceName, DelayProxy>()
    for (const name of slowable) slowers.set(name, await proxyTo(postgresUrl, 'answers'))

    const running = new Map<ServiceName, ServiceUnderTest>()
    for (const name of services) {
      const slower = slowers.get(name)
      const databaseUrl = slower ? throughPort(databaseUrls[name], slower.port) : databaseUrls[name]
      const env = environmentOf(options, databaseUrl)
      const port = await freePort()
      const service = createServiceUnderTest({ name, port, env, logFile: join(logFolder, `${name}.log`) })
      running.set(name, service)
      resources.add(name, () => service.stop())
    }
    await Promise.all([...running.values()].map((service) => service.start()))

    const addresses = byService((name) => running.get(name)?.url ?? '')
    if (delayMs !== null) {
      const door = await proxyTo(addresses.order, 'requests')
      door.delay(delayMs)
      addresses.order = throughPort(addresses.order, door.port)
    }

    const cpu = createCpuMeter(targetNames)
    for (const [name, service] of running) cpu.track(name, service.pid)
    cpu.track('postgres', servers.postgres.pid)
    cpu.track('broker', servers.broker.pid)
    return {
      addresses,
      databaseUrls,
      cpu,
      targets: targetsOf(servers, running, slowers, cpu),
      stop: () => resources.stop(),
    }
  } catch (error) {
    await resources.stop()
    throw error
  }
}

const byService = <Value>(of: (name: ServiceName) => Value): Record<ServiceName, Value> => ({
  order: of('order'),
  product: of('product'),
  user: of('user'),
})

const throughPort = (url: string, port: number): string => {
  const through = new URL(url)
  through.port = String(port)
  return through.href.replace(/\/$/, '')
}

const environmentOf = (options: SystemOptions, databaseUrl: string): Record<string, string> =>
  environment({
    SAGA_MODE: options.mode,
    SAGA_NAMESPACE: options.namespace,
    DATABASE_URL: databaseUrl,
    AMQP_URL: options.servers.broker.url,
    ORDER_DEADLINE_MS: String(options.deadlineMs),
    RETRY_DELAYS_MS: retryDelaysMs.join(','),
    RATE_LIMIT_PER_SECOND: '1000000',
    LOG_LEVEL: 'warn',
    HOST: '127.0.0.1',
    FAULT: undefined,
    NODE_OPTIONS: undefined,
  })

const targetsOf = (
  servers: ComparisonServers,
  running: ReadonlyMap<ServiceName, ServiceUnderTest>,
  slowers: ReadonlyMap<ServiceName, DelayProxy>,
  cpu: CpuMeter<TargetName>,
): Record<TargetName, Target> => {
  const cannot = () => {
    throw new Error('only a service can be paused or slowed')
  }
  const serverTarget = (name: 'postgres' | 'broker'): Target => ({
    kill: async () => {
      await cpu.retire(name)
      await servers[name].kill('SIGKILL')
    },
    stop: async () => {
      await cpu.retire(name)
      await servers[name].stop()
    },
    start: async () => {
      await servers[name].restart()
      cpu.track(name, servers[name].pid)
    },
    pause: cannot,
    resume: cannot,
    slow: cannot,
  })
  const serviceTarget = (name: ServiceName): Target => {
    const service = running.get(name)
    if (service === undefined) throw new Error(`no service ${name}`)
    return {
      kill: async () => {
        await cpu.retire(name)
        await service.kill()
      },
      stop: async () => {
        await cpu.retire(name)
        await service.stop()
      },
      start: async () => {
        await service.start()
        cpu.track(name, service.pid)
      },
      pause: service.pause,
      resume: service.resume,
      slow: (delayMs) => slowers.get(name)?.delay(delayMs),
    }
  }
  return { ...byService(serviceTarget), postgres: serverTarget('postgres'), broker: serverTarget('broker') }
}
