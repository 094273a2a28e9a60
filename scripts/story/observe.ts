import type { EventType } from '../../shared/contracts/index.ts'
import { connectBroker, consumeTopic, parseEnvelope, topicExchange } from '../../shared/messaging/index.ts'

/** An event as an observer saw it go by. */
export interface Sighting {
  type: EventType
  orderId: string
  data: Record<string, unknown>
  routingKey: string
  /** performance.now() when it was seen, milliseconds. */
  at: number
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Watches all events of the system over a queue of its own, bound to everything. Returns a way to follow one order; sightings before
 * it was followed are kept.
 */
export const observeEvents = async (amqpUrl: string, namespace: string) => {
  const connection = connectBroker({ url: amqpUrl, name: 'story', log: silent })
  const seen: Sighting[] = []
  const followers = new Set<(sighting: Sighting) => void>()
  let subscribed = () => {}
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve
  })
  const observing = consumeTopic(connection, {
    exchange: topicExchange(namespace),
    patterns: ['#'],
    log: silent,
    onSubscribed: () => subscribed(),
    handle(message) {
      const parsed = parseEnvelope(message)
      if (!parsed.ok) return
      const { type, subject, data, routingKey } = parsed.envelope
      const sighting = {
        type: type as EventType,
        orderId: subject ?? '',
        data,
        routingKey,
        at: performance.now(),
      }
      seen.push(sighting)
      for (const tell of followers) tell(sighting)
    },
  })
  await ready
  return {
    /** Tells each event of an order as it is seen, from the first one on. Returns a way to stop. */
    follow(orderId: string, tell: (sighting: Sighting) => void) {
      const mine = (sighting: Sighting) => {
        if (sighting.orderId === orderId) tell(sighting)
      }
      seen.forEach(mine)
      followers.add(mine)
      return () => followers.delete(mine)
    },
    async stop() {
      await observing.stop()
      await connection.close()
    },
  }
}

export type Observer = Awaited<ReturnType<typeof observeEvents>>
