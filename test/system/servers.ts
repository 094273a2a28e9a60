import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type PrivateServer,
  startPrivateCluster,
  startPrivatePostgres,
  startPrivateRabbit,
} from '../../scripts/infra/index.ts'

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
  /** The nodes of its cluster, `rabbit` first; that one alone when no cluster was asked for. */
  brokerNodes: readonly PrivateServer[]
  /** The broker's folder; all that it keeps is in `nodes`. */
  rabbitData: string
}

export interface PrivateOptions {
  /** Appended to rabbitmq.conf. */
  rabbitConfig?: string
  /** How many nodes the broker's cluster has; one when not said. */
  brokerNodes?: number
  /** PostgreSQL keeps its data in here instead of in the servers' own folder, and leaves them there. */
  postgresFolder?: string
}

export const withServers = async <Result>(
  kind: 'shared' | 'private',
  { rabbitConfig: config, brokerNodes: size = 1, postgresFolder }: PrivateOptions,
  use: (servers: SystemServers) => Promise<Result>,
): Promise<Result> => {
  if (kind === 'shared') return use({ ...testServers(), own: undefined })
  // Not under the home directory: PostgreSQL runs as another user when we are root.
  const folder = await mkdtemp('/var/tmp/saga-test-')
  const started: { stop(): Promise<void> }[] = []
  const keep = async <Server extends { stop(): Promise<void> }>(starting: Promise<Server>) => {
    const server = await starting
    started.push(server)
    return server
  }
  const rabbitData = join(folder, 'rabbit')
  const startBroker = async (): Promise<{ amqpUrl: string; brokerNodes: readonly PrivateServer[] }> => {
    const options = { dataDir: rabbitData, ...(config === undefined ? {} : { config }) }
    if (size > 1) {
      const { url, nodes } = await keep(startPrivateCluster({ ...options, size }))
      return { amqpUrl: url, brokerNodes: nodes }
    }
    const rabbit = await keep(startPrivateRabbit(options))
    return { amqpUrl: rabbit.url, brokerNodes: [rabbit] }
  }
  try {
    await chmod(folder, 0o755)
    const [postgres, { amqpUrl, brokerNodes }] = await Promise.all([
      keep(startPrivatePostgres({ dataDir: join(postgresFolder ?? folder, 'postgres') })),
      startBroker(),
    ])
    const rabbit = brokerNodes[0] as PrivateServer
    return await use({
      postgresUrl: postgres.url,
      amqpUrl,
      own: { postgres, rabbit, brokerNodes, rabbitData },
    })
  } finally {
    await Promise.all(started.map((server) => server.stop()))
    await rm(folder, { recursive: true, force: true })
  }
}
