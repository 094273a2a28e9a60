import { z } from 'zod'
import { readConfigOrExit, serviceSettings } from '../config/index.ts'
import type { PrismaLike } from '../database/index.ts'
import { createFaults, limitHeapGrowth, runUntilStopped } from '../lifecycle/index.ts'
import { createLog } from '../log/index.ts'
import { openBroker } from './broker.ts'
import { serviceSchema } from './config.ts'
import { openHttpDoor } from './http-door.ts'
import type { Manifest } from './manifest.ts'
import { createMetrics } from './metrics.ts'
import { isRelaying, startRelay } from './relay.ts'
import { startService } from './start.ts'
import { topologyFor } from './topology.ts'

/** Runs a service as this process, until SIGTERM or SIGINT. Exits 78 when the environment is not usable. */
export const runService = <Client extends PrismaLike, World, State>(
  manifest: Manifest<Client, World, State>,
): Promise<never> => {
  const config = readConfigOrExit(serviceSchema(manifest.name))
  limitHeapGrowth()
  const log = createLog({ service: manifest.name, level: config.logLevel })
  return runUntilStopped({
    log,
    timeoutMs: config.shutdownTimeoutMs,
    start: async (resources, signal) => {
      await startService(manifest, config, { resources, log, signal })
      return undefined
    },
  })
}

/** As a service's, but no port is its own: the service has that one. */
const relaySchema = z.object(serviceSettings)

/**
 * Runs only the relay of a service's outbox as this process: for a service that runs with RELAY=off. With a PORT of its own it answers
 * /livez, /readyz and /metrics there.
 */
export const runRelay = <Client extends PrismaLike, World, State>(
  manifest: Manifest<Client, World, State>,
): Promise<never> => {
  const { name, choreography } = manifest
  const config = readConfigOrExit(relaySchema)
  limitHeapGrowth()
  const log = createLog({ service: `${name} relay`, level: config.logLevel })
  return runUntilStopped({
    log,
    timeoutMs: config.shutdownTimeoutMs,
    start: async (resources, signal) => {
      const wanted = topologyFor(name, choreography.rows, {
        namespace: config.sagaNamespace,
        retryDelaysMs: config.retryDelaysMs,
      })
      const { publisher, topology } = await openBroker({
        name: `${name} relay`,
        config,
        wanted,
        resources,
        log,
        signal,
      })
      const metrics = createMetrics()
      const fault = createFaults(config.fault)
      const relay = startRelay({ service: name, config, publisher, topology, metrics, fault, log, resources })
      if (config.port === 0) return undefined
      await openHttpDoor({
        service: `${name} relay`,
        routes: [],
        readiness: {
          broker: async () => publisher.isReady() && topology.isUp(),
          relay: async () => isRelaying(relay),
        },
        metrics: metrics.registry,
        log,
        config,
        resources,
      })
      return undefined
    },
  })
}
