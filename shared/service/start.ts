import type { PrismaLike } from '../database/index.ts'
import { describe } from '../failure/index.ts'
import { createFaults, type Resources } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import { openRpcCaller } from '../messaging/index.ts'
import { createNotifyHint } from '../outbox/index.ts'
import { createRpcClient, type RpcClient } from '../rpc/index.ts'
import { askers } from './askers.ts'
import { type Broker, openBroker } from './broker.ts'
import type { ServiceConfig } from './config.ts'
import { openDoors } from './doors.ts'
import { startConsumer } from './event-consumer.ts'
import { openHttpDoor } from './http-door.ts'
import type { Assembly, Background, Manifest } from './manifest.ts'
import { createMetrics, type Metrics, watchOutbox } from './metrics.ts'
import { choose } from './mode.ts'
import { isRelaying, startRelay } from './relay.ts'
import { outboxRim } from './rim.ts'
import { topologyFor } from './topology.ts'

/**
 * Starts one service: database, broker, relay, consumer, background work, and its HTTP door last, so that stopping begins there.
 * Neither the database nor the broker need be there yet. Throws Unavailable for a port that is taken and for a broker that has
 * something otherwise than it must be.
 */
export const startService = async <Client extends PrismaLike, World, State>(
  manifest: Manifest<Client, World, State>,
  config: ServiceConfig,
  { resources, log, signal }: { resources: Resources; log: Log; signal: AbortSignal },
): Promise<void> => {
  const { name, choreography: table } = manifest
  const fault = createFaults(config.fault)
  const metrics = createMetrics()
  const database = await resources.acquire(
    'the database',
    () =>
      manifest.openDatabase({
        url: config.databaseUrl,
        name,
        poolSize: config.databasePoolSize,
        onError: (error) => log.warn({ reason: describe(error) }, 'database connection lost'),
        observer: metrics.database,
      }),
    (it) => it.close(),
  )
  watchOutbox(metrics, database.client, log)

  const wanted = topologyFor(name, table.rows, {
    namespace: config.sagaNamespace,
    retryDelaysMs: config.retryDelaysMs,
  })
  const broker = await openBroker({ name, config, wanted, resources, log, signal })
  const { publisher, topology } = broker
  const relay = config.relay
    ? startRelay({ service: name, config, publisher, topology, metrics, fault, log, resources })
    : undefined
  const wake = relay?.wake ?? (config.outboxNotify ? createNotifyHint(database.client) : () => {})

  const rim = outboxRim({
    table,
    database,
    namespace: config.sagaNamespace,
    fault,
    says: (state) => assembly.says?.(state) ?? true,
    committed(acted) {
      if (acted.some((it) => it.kind === 'done' && it.events.length > 0)) wake()
      assembly.committed?.(acted)
    },
  })
  const rpc = await openRpc({ broker, config, metrics, log, resources })
  const assembly: Assembly<State> = manifest.assemble({
    config,
    log,
    database,
    metrics: metrics.registry,
    fault,
    byMode: choose(config.sagaMode),
    rpc,
    ...askers(rim, config.batchSize),
  })

  const consumer = startConsumer({ service: name, rim, broker, config, metrics, log, signal, resources })
  openDoors(assembly, { broker, config, metrics, log, signal, resources })
  for (const one of assembly.background ?? []) keepRunning(one, { log, resources })

  await openHttpDoor({
    service: name,
    routes: assembly.routes,
    readiness: {
      database: database.ping,
      broker: async () => publisher.isReady() && topology.isUp() && consumer.isSubscribed(),
      ...(relay === undefined ? {} : { relay: async () => isRelaying(relay) }),
    },
    metrics: metrics.registry,
    limits: { ratePerSecond: config.rateLimitPerSecond },
    log,
    config,
    resources,
  })
}

interface RpcParts {
  broker: Broker
  config: ServiceConfig
  metrics: Metrics
  log: Log
  resources: Resources
}

/** The client of other services' procedures, and the channel it calls on; what is insisted on is tried once more before that closes. */
const openRpc = async ({ broker, config, metrics, log, resources }: RpcParts): Promise<RpcClient> => {
  const { sagaNamespace: namespace, rpcTimeoutMs: timeoutMs } = config
  const caller = await resources.acquire(
    'the RPC caller',
    () => openRpcCaller(broker.publishing, { log, onStray: metrics.rpc.stray }),
    (it) => it.stop(),
  )
  return resources.acquire(
    'the RPC client',
    () => createRpcClient({ caller, namespace, timeoutMs, log }),
    (it) => it.stop(),
  )
}

const keepRunning = ({ name, run }: Background, { log, resources }: { log: Log; resources: Resources }) => {
  const stopping = new AbortController()
  const running = run(stopping.signal).catch((error) => {
    log.error({ err: error }, `${name} ended`)
    throw error
  })
  resources.add(name, async () => {
    stopping.abort()
    await running
  })
}
