import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environment } from '../../../shared/config/index.ts'
import { type ServiceName, services } from '../../../shared/contracts/index.ts'
import { createResources } from '../../../shared/lifecycle/index.ts'
import { cleanUp, createServiceUnderTest, retryDelaysMs } from '../../compare/index.ts'
import { databaseUrlOf, freePort, provision } from '../../infra/index.ts'
import { profiling, type Scene } from '../scene.ts'

export interface ServicesOptions {
  /** All three when not said. */
  names?: readonly ServiceName[]
  /** Processes of each; 1 when not said. */
  replicas?: number
  /** What differs from how they come. */
  settings?: Record<string, string>
}

type ByService = Readonly<Record<ServiceName, string>>

export interface ServiceProcess {
  name: ServiceName
  url: string
  pid: number
}

export interface Services {
  /** Of the first replica of each. */
  urls: ByService
  databases: ByService
  /** All replicas of all services. */
  processes: readonly ServiceProcess[]
  /** Where the audit looks. */
  audited: { postgresUrl: string; amqpUrl: string; namespace: string }
  /** Starts one more of a service; resolves when it is ready. */
  again(name: ServiceName): Promise<unknown>
}

/** What the services of a run print. */
export const logsOf = (runName: string): string => join(tmpdir(), runName)

/** Services as processes of their own, on new databases and queues that are gone afterwards. */
export const withServices = async <Result>(
  scene: Pick<Scene, 'postgresUrl' | 'amqpUrl' | 'runName' | 'profileIn'>,
  { names = services, replicas = 1, settings = {} }: ServicesOptions,
  use: (services: Services) => Promise<Result>,
): Promise<Result> => {
  const { postgresUrl, amqpUrl, runName: namespace } = scene
  const logs = logsOf(namespace)
  await mkdir(logs, { recursive: true })
  const resources = createResources(() => {})
  resources.add('the logs', () => rm(logs, { recursive: true, force: true }))
  const databaseOf = (name: ServiceName) => databaseUrlOf(name, postgresUrl, namespace)
  const start = async (name: ServiceName, nth: number): Promise<ServiceProcess> => {
    const env = environment({
      SAGA_MODE: 'choreography',
      SAGA_NAMESPACE: namespace,
      DATABASE_URL: databaseOf(name),
      AMQP_URL: amqpUrl,
      RETRY_DELAYS_MS: retryDelaysMs.join(','),
      RATE_LIMIT_PER_SECOND: '1000000',
      LOG_LEVEL: 'warn',
      HOST: '127.0.0.1',
      NODE_OPTIONS: undefined,
      ...settings,
    })
    const logFile = join(logs, `${name}-${nth}.log`)
    const service = createServiceUnderTest({
      name,
      port: await freePort(),
      env,
      logFile,
      nodeOptions: profiling(scene, `${name}-${nth}`),
    })
    resources.add(`${name} ${nth}`, () => service.stop())
    await service.start()
    return { name, url: service.url, pid: service.pid }
  }
  try {
    await provision({ postgresUrl, amqpUrl }, { namespace, retryDelaysMs })
    const processes: ServiceProcess[] = []
    for (const name of names) {
      const nths = Array.from({ length: replicas }, (_, index) => index + 1)
      processes.push(...(await Promise.all(nths.map((nth) => start(name, nth)))))
    }
    const first = (name: ServiceName) => processes.find((one) => one.name === name)?.url ?? ''
    return await use({
      urls: { order: first('order'), product: first('product'), user: first('user') },
      processes,
      audited: { postgresUrl, amqpUrl, namespace },
      again: (name) => start(name, replicas + 1),
      databases: { order: databaseOf('order'), product: databaseOf('product'), user: databaseOf('user') },
    })
  } finally {
    await resources.stop()
    await cleanUp({ postgres: { url: postgresUrl }, broker: { url: amqpUrl } }, namespace)
  }
}
