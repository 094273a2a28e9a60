import type { PrismaLike, Sql } from '../database/index.ts'
import { describe } from '../failure/index.ts'
import { createHttpApp, type ReadinessCheck } from '../http/index.ts'
import { createFaults, type Resources } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import { type Consumer, consume, eventQueue, openRpcCaller } from '../messaging/index.ts'
import { createNotifyHint, type Relay } from '../outbox/index.ts'
import { createRpcClient } from '../rpc/index.ts'
import { heard } from '../saga/index.ts'
import { createAct, type Rim } from './act.ts'
import { askers } from './askers.ts'
import { type Broker, openBroker } from './broker.ts'
import type { ServiceConfig } from './config.ts'
import { openDoors } from './doors.ts'
import { createListener } from './listen.ts'
import type { Assembly, Background, Manifest } from './manifest.ts'
import { createMetrics, type Metrics, watchOutbox } from './metrics.ts'
import { choose } from './mode.ts'
import { startRelay } from './relay.ts'
import { outboxRim } from './rim.ts'
import { topologyFor } from './topology.ts'

export interface Running {
  port: number
}

/**
 * Starts one service: database, broker, relay, consumer, background work, and its HTTP door last, so that stopping begins there.
 * Neither the database nor the broker need be there yet. Throws Unavailable for a port that is taken and for a broker that has
 * something otherwise than it must be.
 */
export const startService = async <Client extends PrismaLike, World, State>(
  manifest: Manifest<Client, World, State>,
  config: ServiceConfig,
  { resources, log, signal }: { resources: Resources; log: Log; signal: AbortSignal },
): Promise<Running> => {
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
  const broker = await openBroker({ name, config, wanted, resources, log })
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
  const caller = await resources.acquire(
    'the RPC caller',
    () => openRpcCaller(broker.publishing, { log, onStray: metrics.rpc.stray }),
    (it) => it.stop(),
  )
  const { sagaNamespace: namespace, rpcTimeoutMs: timeoutMs } = config
  const rpc = await resources.acquire(
    'the RPC client',
    () => createRpcClient({ caller, namespace, timeoutMs, log }),
    (it) => it.stop(),
  )
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

  const consumer = startConsumer({ rim, broker, config, metrics, manifest, log, signal, resources })
  openDoors(assembly, { broker, config, metrics, log, signal, resources })
  for (const one of assembly.background ?? []) keepRunning(one, { log, resources })

  const readiness: Record<string, ReadinessCheck> = {
    database: database.ping,
    broker: async () => publisher.isReady() && topology.isUp() && consumer.isSubscribed(),
    ...(relay === undefined ? {} : { relay: async () => isRelaying(relay) }),
  }
  const app = createHttpApp({
    service: name,
    routes: assembly.routes,
    log,
    readiness,
    metrics: metrics.registry,
    limits: { ratePerSecond: config.rateLimitPerSecond },
  })
  return resources.acquire(
    'the HTTP door',
    () => app.listen({ host: config.host, port: config.port }),
    (listening) => listening.stop(),
  )
}

/** One relay of several leads; a stand-by is as good as a leader as long as it has its database. */
const isRelaying = (relay: Relay) => relay.state().state !== 'disconnected'

interface ConsumerParts<Client extends PrismaLike, World, State> {
  rim: Rim<Sql, World, State>
  broker: Broker
  config: ServiceConfig
  metrics: Metrics
  manifest: Manifest<Client, World, State>
  log: Log
  signal: AbortSignal
  resources: Resources
}

/** Listens to the service's event queue once the topology stands. */
const startConsumer = <Client extends PrismaLike, World, State>(
  parts: ConsumerParts<Client, World, State>,
): Pick<Consumer, 'isSubscribed'> => {
  const { rim, broker, config, metrics, manifest, log, signal, resources } = parts
  const door = `${manifest.name}.events`
  const handle = createListener({
    act: createAct(rim, door),
    door,
    maxBatch: config.batchSize,
    ownUser: broker.consuming.user,
    hears: heard(manifest.choreography.rows),
    publishers: config.eventPublishers,
    fault: rim.fault,
    observer: metrics.listener,
    log,
    signal,
  })
  let consumer: Consumer | undefined
  const listen = async () => {
    await broker.topology.ready(signal)
    consumer = consume(broker.consuming, {
      queue: eventQueue(config.sagaNamespace, manifest.name),
      prefetch: config.prefetch,
      handle,
      publisher: broker.publisher,
      retryDelaysMs: config.retryDelaysMs,
      redeclare: broker.topology.redeclare,
      observer: metrics.consumer,
      drainTimeoutMs: 5_000,
      log,
    })
  }
  const listening = listen().catch((error) => {
    if (!signal.aborted) throw error
  })
  resources.add('the consumer', async () => {
    await listening
    await consumer?.stop()
  })
  return { isSubscribed: () => consumer?.isSubscribed() ?? false }
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
