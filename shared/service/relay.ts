import { events, isEventType, type ServiceName } from '../contracts/index.ts'
import { describe } from '../failure/index.ts'
import type { FaultPoint, Resources } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import { type Publisher, type PublishRequest, publishFanout, toProperties } from '../messaging/index.ts'
import {
  createRelay,
  type OutboxRow,
  type PublishOutcome,
  type Relay,
  type RelayTransport,
} from '../outbox/index.ts'
import type { ServiceConfig } from './config.ts'
import type { Metrics } from './metrics.ts'
import type { TopologyKeeper } from './topology.ts'

/** How outbox rows of a service go to the broker: its own fanout, mandatory unless the event is final. */
export const transportOver = (
  service: ServiceName,
  publisher: Publisher,
  topology: Pick<TopologyKeeper, 'ready'>,
): RelayTransport => ({
  publish: (row) =>
    publishRow(service, row, (message) =>
      publishFanout(publisher, {
        ...message,
        exchange: row.exchange,
        routingKey: row.routingKey,
        mandatory: isAwaited(row.type),
      }),
    ),
  async ready(signal) {
    await topology.ready(signal)
    await publisher.ready(signal)
  },
})

/**
 * Has `send` publish a row's message. A row that makes none (its time is infinite) is refused, and so is one that reached no queue.
 */
export const publishRow = async (
  service: ServiceName,
  row: OutboxRow,
  send: (message: Pick<PublishRequest, 'body' | 'properties'>) => ReturnType<Publisher['publish']>,
): Promise<PublishOutcome> => {
  let properties: PublishRequest['properties']
  try {
    properties = propertiesOf(service, row)
  } catch (error) {
    return { kind: 'refused', reason: `the row makes no message: ${describe(error)}` }
  }
  const outcome = await send({ body: Buffer.from(row.payloadText), properties })
  return outcome.kind === 'returned' ? { kind: 'refused', reason: outcome.reason } : outcome
}

const propertiesOf = (service: ServiceName, row: OutboxRow) =>
  toProperties({
    id: row.eventId,
    type: row.type,
    service,
    subject: row.aggregateId,
    time: row.createdAt,
    headers: row.headers,
  })

/** An event that somebody reacts to must reach a queue; a final one need not. */
const isAwaited = (type: string) => !(isEventType(type) && events[type].final)

export interface RelayParts {
  service: ServiceName
  config: ServiceConfig
  publisher: Publisher
  topology: Pick<TopologyKeeper, 'ready'>
  metrics: Metrics
  fault: FaultPoint
  log: Log
  resources: Resources
}

/** One relay of several leads; a stand-by is as good as a leader as long as it has its database. */
export const isRelaying = (relay: Relay): boolean => relay.state().state !== 'disconnected'

/** Starts the relay of one service's outbox, inside the service or in a process of its own. */
export const startRelay = (parts: RelayParts): Relay => {
  const { service, config, publisher, topology, metrics, fault, log, resources } = parts
  const relay = createRelay({
    databaseUrl: config.databaseUrl,
    transport: transportOver(service, publisher, topology),
    inFlight: config.relayInFlight,
    pollMs: config.relayPollMs,
    maxAttempts: config.relayMaxAttempts,
    notify: config.outboxNotify,
    retentionHours: config.outboxRetentionHours,
    crashPoint: fault,
    observer: {
      ...metrics.relay,
      state: (state) => {
        metrics.relay.state?.(state)
        log.info({ state }, 'relay')
      },
      retried: (row, reason, afterMs) => {
        metrics.relay.retried?.(row, reason, afterMs)
        log.warn({ eventId: row.eventId, type: row.type, reason, afterMs }, 'event refused')
      },
      parked: (row, reason, rows) => {
        metrics.relay.parked?.(row, reason, rows)
        log.error(
          { eventId: row.eventId, type: row.type, orderId: row.aggregateId, reason, rows },
          'event parked',
        )
      },
      error: (error) => {
        metrics.relay.error?.(error)
        log.warn({ reason: describe(error) }, 'the relay met an error, and tries again')
      },
    },
  })
  relay.start()
  resources.add('relay', () => relay.stop())
  return relay
}
