import { randomBytes } from 'node:crypto'
import {
  databaseUrlOf,
  declareBroker,
  freePort,
  migrateDatabases,
  topologyOf,
} from '../../scripts/infra/index.ts'
import { environment } from '../../shared/config/index.ts'
import { type Mode, type ServiceName, services } from '../../shared/contracts/index.ts'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { noteMade, strikeOut } from '../../shared/testing/index.ts'
import { openBrokerAccess, openSystemBroker, type SystemBroker, wiretapQueue } from './broker.ts'
import { testMode } from './mode.ts'
import { type OwnServers, type PrivateOptions, type SystemServers, withServers } from './servers.ts'
import { createServiceProcess, type ServiceProcess } from './service-process.ts'

export interface SystemOptions extends PrivateOptions {
  mode?: Mode
  /** For all services. */
  env?: Record<string, string>
  /** For one of them. The namespace is not known before, so it may be asked for. */
  services?: (names: {
    namespace: string
    amqpUrl: string
  }) => Partial<Record<ServiceName, Record<string, string>>>
  /** `private` servers may be stopped and killed; they take some ten seconds to come up. */
  servers?: 'shared' | 'private'
  /** False: the services are not started, and the broker is as empty as it was found. */
  start?: boolean
}

export interface System extends Record<ServiceName, ServiceProcess> {
  mode: Mode
  namespace: string
  amqpUrl: string
  /** The three services, and the relays started apart. */
  processes: readonly ServiceProcess[]
  /** A relay process of a service, not started yet; `env` is what differs from the service. */
  relay(service: ServiceName, env?: Record<string, string>): Promise<ServiceProcess>
  databaseUrl(service: ServiceName): string
  sql<Row extends object = Record<string, unknown>>(
    service: ServiceName,
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>
  broker: SystemBroker
  /** Names on the broker: `queue('order.events')`. */
  name(plain: string): string
  servers: OwnServers
}

export const retryDelaysMs = [100, 300]

/**
 * Runs `use` with a whole system of its own: three databases, the broker's names, the three services as real processes, and a
 * wiretap. All of it is gone afterwards. When `use` throws, the end of each log is printed.
 */
export const withSystem = <Result>(
  options: SystemOptions,
  use: (system: System) => Promise<Result>,
): Promise<Result> =>
  withServers(options.servers ?? 'shared', options, async (servers) => {
    const namespace = `t${randomBytes(5).toString('hex')}`
    const provisioning = { namespace, retryDelaysMs }
    const { postgresUrl, amqpUrl } = servers
    // Servers of its own go with the test.
    if (servers.own === undefined) noteMade({ kind: 'namespace', name: namespace })
    const processes: ServiceProcess[] = []
    let broker: SystemBroker | undefined
    try {
      await migrateDatabases(postgresUrl, provisioning)
      if (options.start !== false) await declareBroker(amqpUrl, topologyOf(provisioning))
      broker = await openSystemBroker(amqpUrl, namespace)
      const system = await assemble(options, servers, namespace, broker, processes)
      try {
        if (options.start !== false) await Promise.all(services.map((service) => system[service].start()))
        return await use(system)
      } catch (error) {
        printLogs(processes)
        throw error
      }
    } finally {
      await Promise.all(processes.map((one) => one.kill()))
      await broker?.close()
      if (servers.own === undefined) await removeAll(servers, namespace)
    }
  })

const assemble = async (
  options: SystemOptions,
  { postgresUrl, amqpUrl, own }: SystemServers,
  namespace: string,
  broker: SystemBroker,
  processes: ServiceProcess[],
): Promise<System> => {
  const mode = options.mode ?? testMode()
  const databaseUrl = (service: ServiceName) => databaseUrlOf(service, postgresUrl, namespace)
  const perService = options.services?.({ namespace, amqpUrl }) ?? {}
  const create = async (
    name: ServiceName,
    program: 'main' | 'relay',
    ownEnv: Record<string, string> = {},
  ) => {
    const env = environment({
      SAGA_MODE: mode,
      SAGA_NAMESPACE: namespace,
      DATABASE_URL: databaseUrl(name),
      AMQP_URL: amqpUrl,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      RETRY_DELAYS_MS: retryDelaysMs.join(),
      DATABASE_POOL_SIZE: '5',
      FAULT: '',
      RELAY: 'on',
      EVENT_PUBLISHERS: '',
      ...options.env,
      ...perService[name],
      ...ownEnv,
    })
    return createServiceProcess({ name, program, port: await freePort(), env })
  }
  const [order, product, user] = await Promise.all([
    create('order', 'main'),
    create('product', 'main'),
    create('user', 'main'),
  ])
  processes.push(order, product, user)
  return {
    mode,
    namespace,
    amqpUrl,
    order,
    product,
    user,
    processes,
    broker,
    databaseUrl,
    name: (plain) => `${namespace}.${plain}`,
    async relay(service, env) {
      const relay = await create(service, 'relay', env)
      processes.push(relay)
      return relay
    },
    sql: (service, text, values) =>
      withClient(
        databaseUrl(service),
        async (client) => (await client.query(text, values && [...values])).rows,
      ),
    get servers() {
      if (own === undefined) throw new Error("these servers are shared: ask for servers: 'private'")
      return own
    },
  }
}

const removeAll = async ({ postgresUrl, amqpUrl }: SystemServers, namespace: string) => {
  await withClient(databaseOf(postgresUrl, 'postgres'), async (client) => {
    for (const service of services) {
      const name = new URL(databaseUrlOf(service, postgresUrl, namespace)).pathname.slice(1)
      await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
    }
  })
  const { queues, exchanges } = topologyOf({ namespace, retryDelaysMs })
  const broker = openBrokerAccess(amqpUrl, `${namespace} clean up`)
  await broker.withChannel(async (channel) => {
    for (const { name } of queues) await channel.deleteQueue(name)
    for (const { name } of exchanges) await channel.deleteExchange(name)
    await channel.deleteQueue(wiretapQueue(namespace))
  })
  await broker.close()
  strikeOut({ kind: 'namespace', name: namespace })
}

const shownLines = 40

const printLogs = (processes: readonly ServiceProcess[]) => {
  for (const { name, lines } of processes) {
    console.log(`--- ${name}: the last ${Math.min(shownLines, lines.length)} of ${lines.length} lines`)
    for (const line of lines.slice(-shownLines)) console.log(line)
  }
}
