import { z } from 'zod'
import { choreography as order } from '../../services/order/choreography.ts'
import { choreography as product } from '../../services/product/choreography.ts'
import { choreography as user } from '../../services/user/choreography.ts'
import { readConfig, serviceSettings } from '../../shared/config/index.ts'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { databaseOf, type Migrated, migrateDatabase } from '../../shared/database/migrations/index.ts'
import { Unavailable } from '../../shared/failure/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import {
  type BrokerConnection,
  connectBroker,
  declareTopology,
  type Topology,
  type VerifyOptions,
  verifyTopology,
} from '../../shared/messaging/index.ts'
import { systemTopologyOf } from '../../shared/service/index.ts'
import type { Servers } from './find-servers.ts'
import { migrationsOf } from './schemas.ts'

/** What provisioning must know and the services must agree with: read from the same environment. */
export function provisionSettings() {
  const { SAGA_NAMESPACE, RETRY_DELAYS_MS, AMQP_MANAGEMENT_URL } = serviceSettings
  const settings = z.object({ SAGA_NAMESPACE, RETRY_DELAYS_MS, AMQP_MANAGEMENT_URL })
  const { sagaNamespace: namespace, retryDelaysMs, amqpManagementUrl: managementUrl } = readConfig(settings)
  return { namespace, retryDelaysMs, managementUrl }
}

/** `saga_order`, or `t1_saga_order` in the namespace t1. */
export const databaseNameOf = (service: ServiceName, namespace: string): string =>
  `${namespace === '' ? '' : `${namespace}_`}saga_${service}`

export const databaseUrlOf = (service: ServiceName, postgresUrl: string, namespace: string): string =>
  databaseOf(postgresUrl, databaseNameOf(service, namespace))

export interface ProvisionOptions {
  namespace: string
  retryDelaysMs: readonly number[]
  /** Looks and changes nothing. */
  dryRun?: boolean
  /** All three when not said. */
  only?: readonly ServiceName[]
  /** Told in one line what the broker should have had and had not (when it is not given, nobody looks), and what is waited for. */
  onProblem?: (line: string) => void
  managementUrl?: string | undefined
}

export interface DatabaseReport extends Migrated {
  service: ServiceName
  database: string
}

/** Creates and migrates the databases. A second run changes nothing. */
export function migrateDatabases(postgresUrl: string, options: ProvisionOptions): Promise<DatabaseReport[]> {
  const { namespace, dryRun = false, only = services, onProblem: onWait } = options
  return Promise.all(
    only.map(async (service) => {
      const url = databaseUrlOf(service, postgresUrl, namespace)
      const migrated = await migrateDatabase({ url, directory: migrationsOf(service), dryRun, onWait })
      return { service, database: databaseNameOf(service, namespace), ...migrated }
    }),
  )
}

/** The broker topology of the whole system, from the three choreography tables. */
export const topologyOf = (options: Pick<ProvisionOptions, 'namespace' | 'retryDelaysMs'>): Topology =>
  systemTopologyOf({ order, product, user }, options)

/** Declares the topology, and returns when every queue answers. A second run changes nothing. */
export async function declareBroker(
  amqpUrl: string,
  topology: Topology,
  { onProblem, managementUrl }: Pick<ProvisionOptions, 'onProblem' | 'managementUrl'> = {},
): Promise<void> {
  const connection = connectBroker({ url: amqpUrl, name: 'provision', log: silentLog() })
  try {
    if (onProblem) await nameProblems(connection, topology, { managementUrl }, onProblem)
    await declareTopology(connection, topology)
  } finally {
    await connection.close()
  }
}

/** A broker that has nothing yet has no problem; what is missing from a topology that stands is about to be made, so it is named now. */
async function nameProblems(
  connection: BrokerConnection,
  topology: Topology,
  options: VerifyOptions,
  onProblem: (line: string) => void,
): Promise<void> {
  try {
    await verifyTopology(connection, topology, options)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    if (error.code !== 'topology.absent') onProblem(`${error.message}; making what is missing`)
  }
}

const connectMs = 10_000
const mendable = ['topology.absent', 'topology.missing', 'topology.away', 'topology.extra']

/**
 * What the broker has not as the topology says; undefined when it has all, as far as it can be asked: bindings only by its
 * management API. Changes nothing. Throws Unavailable when declaring would fail.
 */
export async function brokerProblem(
  amqpUrl: string,
  topology: Topology,
  { managementUrl }: VerifyOptions = {},
): Promise<Unavailable | undefined> {
  const connection = connectBroker({ url: amqpUrl, name: 'provision', log: silentLog() })
  try {
    await connection.connected(AbortSignal.timeout(connectMs))
    // With this URL bindings are asked for; without it they might be asserted.
    await verifyTopology(connection, topology, { managementUrl: managementUrl ?? connection.managementUrl() })
    return undefined
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    if (error.code === 'broker.management' && managementUrl === undefined) return undefined
    if (mendable.includes(error.code)) return error
    throw error
  } finally {
    await connection.close()
  }
}

/** Databases and topology: what must stand before a service starts. */
export async function provision(
  servers: Pick<Servers, 'postgresUrl' | 'amqpUrl'>,
  options: ProvisionOptions,
): Promise<void> {
  await Promise.all([
    migrateDatabases(servers.postgresUrl, options),
    declareBroker(servers.amqpUrl, topologyOf(options), options),
  ])
}
