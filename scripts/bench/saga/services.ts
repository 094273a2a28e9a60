import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environment } from '../../../shared/config/index.ts'
import { type ServiceName, services } from '../../../shared/contracts/index.ts'
import { createResources } from '../../../shared/lifecycle/index.ts'
import { cleanUp, createServiceUnderTest, retryDelaysMs } from '../../compare/index.ts'
import { databaseUrlOf, freePort, provision } from '../../infra/index.ts'
import type { Scene } from '../scene.ts'

export interface ServicesOptions {
  /** All three when not said. */
  names?: readonly ServiceName[]
  /** Processes of each; 1 when not said. */
  replicas?: number
  /** What differs from how they come. */
  settings?: Record<string, string>
}

type ByService = Readonly<Record<ServiceName, string>>

export interface Services {
  /** Of the first replica of each. */
  urls: ByService
  databases: ByService
  /** Every replica of the order service. */
  orderUrls: readonly string[]
  /** Where the audit looks. */
  audited: { postgresUrl: string; amqpUrl: string; namespace: string }
  /** Starts one more of a service; resolves when it is ready. */
  again(name: ServiceName): Promise<unknown>
}

/** Services as processes of their own, on new databases and queues that are gone afterwards. */
export const withServices = async <Result>(
  scene: Pick<Scene, 'postgresUrl' | 'amqpUrl' | 'namespace'>,
  { names = services, replicas = 1, settings = {} }: ServicesOptions,
  use: (services: Services) => Promise<Result>,
): Promise<Result> => {
  const { postgresUrl, amqpUrl } = scene
  const namespace = `${scene.namespace}_${randomBytes(3).toString('hex')}`
  const logs = join(tmpdir(), namespace)
  await mkdir(logs, { recursive: true })
  const resources = createResources(() => {})
  resources.add('the logs', () => rm(logs, { recursive: true, force: true }))
  const databaseOf = (name: ServiceName) => databaseUrlOf(name, postgresUrl, namespace)
  const start = async (name: ServiceName, nth: number): Promise<string> => {
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
    const service = createServiceUnderTest({ name, port: await freePort(), env, logFile })
    resources.add(`${name} ${nth}`, () => service.stop())
    await service.start()
    return service.url
  }
  try {
    await provision({ postgresUrl, amqpUrl }, { namespace, retryDelaysMs })
    const started = new Map<ServiceName, string[]>()
    for (const name of names) {
      const nths = Array.from({ length: replicas }, (_, index) => index + 1)
      started.set(name, await Promise.all(nths.map((nth) => start(name, nth))))
    }
    const first = (name: ServiceName) => started.get(name)?.[0] ?? ''
    return await use({
      urls: { order: first('order'), product: first('product'), user: first('user') },
      orderUrls: started.get('order') ?? [],
      audited: { postgresUrl, amqpUrl, namespace },
      again: (name) => start(name, replicas + 1),
      databases: { order: databaseOf('order'), product: databaseOf('product'), user: databaseOf('user') },
    })
  } finally {
    await resources.stop()
    await cleanUp({ postgres: { url: postgresUrl }, broker: { url: amqpUrl } }, namespace)
  }
}
