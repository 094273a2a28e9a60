import { services } from '../contracts/index.ts'
import type { Resources } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  openPublisher,
  type Publisher,
  serviceExchange,
  type Topology,
  topicExchange,
} from '../messaging/index.ts'
import type { ServiceConfig } from './config.ts'
import { keepTopology, type TopologyKeeper } from './topology.ts'

/** The broker side of a process: a connection to consume, another to publish, and the topology kept up. */
export interface Broker {
  consuming: BrokerConnection
  publishing: BrokerConnection
  publisher: Publisher
  topology: TopologyKeeper
}

export interface BrokerOptions {
  /** Shown in the broker's list of connections. */
  name: string
  config: ServiceConfig
  wanted: Topology
  resources: Resources
  log: Log
  /** Aborts when the process is to end. */
  signal: AbortSignal
}

/** Connects in the background. Throws Unavailable when the broker answers and has something otherwise than it must be, and the signal's reason. */
export const openBroker = async ({
  name,
  config,
  wanted,
  resources,
  log,
  signal,
}: BrokerOptions): Promise<Broker> => {
  const { amqpUrl: url, sagaNamespace: namespace } = config
  const connect = (purpose: string) =>
    resources.acquire(
      `the connection to ${purpose}`,
      () => connectBroker({ url, name: `${name} ${purpose}`, log }),
      (connection) => connection.close(),
    )
  const consuming = await connect('consume')
  const publishing = await connect('publish')
  const exchanges = [...services.map((one) => serviceExchange(namespace, one)), topicExchange(namespace)]
  const publisher = openPublisher(publishing, {
    log,
    exchanges,
    confirmTimeoutMs: config.relayConfirmTimeoutMs,
  })
  resources.add('the publisher', () => publisher.close())
  const topology = keepTopology(consuming, wanted, log, { managementUrl: config.amqpManagementUrl })
  resources.add('the topology', () => topology.stop())
  await topology.firstLook(signal)
  signal.throwIfAborted()
  return { consuming, publishing, publisher, topology }
}
