import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type PrivateServer, startPrivatePostgres, startPrivateRabbit } from '../../scripts/infra/index.ts'
import { testServers } from '../../shared/testing/index.ts'

/** Where a system lives. Private servers are a test's own, to be stopped and killed at will. */
export interface SystemServers {
  postgresUrl: string
  amqpUrl: string
  /** Only of private servers. */
  own: OwnServers | undefined
}

export interface OwnServers {
  postgres: PrivateServer
  rabbit: PrivateServer
  /** The broker's folder; all that it keeps is in `nodes`. */
  rabbitData: string
}

export interface PrivateOptions {
  /** Appended to rabbitmq.conf. */
  rabbitConfig?: string
  /** PostgreSQL keeps its data in here instead of in the servers' own folder, and leaves them there. */
  postgresFolder?: string
}

export const withServers = async <Result>(
  kind: 'shared' | 'private',
  { rabbitConfig, postgresFolder }: PrivateOptions,
  use: (servers: SystemServers) => Promise<Result>,
): Promise<Result> => {
  if (kind === 'shared') return use({ ...testServers(), own: undefined })
  // Not under the home directory: PostgreSQL runs as another user when we are root.
  const folder = await mkdtemp('/var/tmp/saga-test-')
  const started: PrivateServer[] = []
  const keep = async (starting: Promise<PrivateServer>) => {
    const server = await starting
    started.push(server)
    return server
  }
  try {
    await chmod(folder, 0o755)
    const rabbitData = join(folder, 'rabbit')
    const rabbitOptions = rabbitConfig === undefined ? {} : { config: rabbitConfig }
    const [postgres, rabbit] = await Promise.all([
      keep(startPrivatePostgres({ dataDir: join(postgresFolder ?? folder, 'postgres') })),
      keep(startPrivateRabbit({ dataDir: rabbitData, ...rabbitOptions })),
    ])
    return await use({
      postgresUrl: postgres.url,
      amqpUrl: rabbit.url,
      own: { postgres, rabbit, rabbitData },
    })
  } finally {
    await Promise.all(started.map((server) => server.kill('SIGCONT').then(() => server.stop())))
    await rm(folder, { recursive: true, force: true })
  }
}
