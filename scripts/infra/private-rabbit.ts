import { join } from 'node:path'
import { ownNames } from './name-server.ts'
import type { PrivateServer } from './private-server.ts'
import { startNode } from './rabbit-node.ts'

/**
 * A RabbitMQ of our own on 127.0.0.1, user guest, data in `dataDir`. It shares nothing with a broker that is already
 * there: own ports, own node directory, own cookie, own epmd. `config` is appended to its rabbitmq.conf.
 * Where the plugin is installed it has its management API, 10 000 above its port.
 * Throws Unavailable when there is no RabbitMQ or it does not come up.
 */
export async function startPrivateRabbit(options: {
  dataDir: string
  port?: number
  config?: string
}): Promise<PrivateServer> {
  const { dataDir } = options
  const names = await ownNames(dataDir)
  const place = { ...options, home: dataDir, nodeName: 'outbox-saga@localhost' }
  return startNode(place, names, () => names.stop())
}

export interface PrivateCluster {
  /** The URLs of its nodes, comma separated. */
  url: string
  nodes: readonly PrivateServer[]
  stop(): Promise<void>
}

/** The same as a cluster of nodes with a folder each, `dataDir/1` and so on. The first one makes it; the others join it, once. */
export async function startPrivateCluster(options: {
  dataDir: string
  size: number
  config?: string
}): Promise<PrivateCluster> {
  const { dataDir, size, config = '' } = options
  const names = await ownNames(dataDir)
  const numbers = Array.from({ length: size }, (_, index) => index + 1)
  const nameOf = (number: number) => `outbox-saga-${number}@localhost`
  const peers = numbers.map((one) => `cluster_formation.classic_config.nodes.${one} = ${nameOf(one)}`)
  const discovery = ['cluster_formation.peer_discovery_backend = classic_config', ...peers, config].join('\n')
  const nodes: PrivateServer[] = []
  const start = async (number: number) => {
    const place = { dataDir: join(dataDir, String(number)), home: dataDir, nodeName: nameOf(number) }
    nodes[number - 1] = await startNode({ ...place, config: discovery }, names)
  }
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
    await names.stop()
  }
  try {
    await start(1)
    const joined = await Promise.allSettled(numbers.slice(1).map(start))
    const failed = joined.find((it) => it.status === 'rejected')
    if (failed) throw failed.reason
  } catch (error) {
    await stop()
    throw error
  }
  return { url: nodes.map((node) => node.url).join(','), nodes, stop }
}
