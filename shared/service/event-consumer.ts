import type { ServiceName } from '../contracts/index.ts'
import type { Sql } from '../database/index.ts'
import { type Consumer, consume, eventQueue } from '../messaging/index.ts'
import { heard } from '../saga/index.ts'
import { createAct, type Rim } from './act.ts'
import { type DoorParts, drainTimeoutMs } from './doors.ts'
import { createListener } from './listen.ts'

export interface ConsumerParts<World, State> extends DoorParts {
  service: ServiceName
  rim: Rim<Sql, World, State>
}

/** Listens to the service's event queue once the topology stands. */
export const startConsumer = <World, State>(
  parts: ConsumerParts<World, State>,
): Pick<Consumer, 'isSubscribed'> => {
  const { service, rim, broker, config, metrics, log, signal, resources } = parts
  const door = `${service}.events`
  const handle = createListener({
    act: createAct(rim, door),
    door,
    maxBatch: config.batchSize,
    ownUser: broker.consuming.user,
    hears: heard(rim.table.rows),
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
      queue: eventQueue(config.sagaNamespace, service),
      prefetch: config.prefetch,
      handle,
      publisher: broker.publisher,
      retryDelaysMs: config.retryDelaysMs,
      redeclare: broker.topology.redeclare,
      observer: metrics.consumer,
      drainTimeoutMs,
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
