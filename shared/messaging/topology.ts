/** What there is on a broker, as data: declared, verified and asserted again from this. */
export interface Topology {
  exchanges: readonly Exchange[]
  exchangeBindings: readonly ExchangeBinding[]
  queues: readonly Queue[]
  bindings: readonly Binding[]
}
export interface Exchange {
  name: string
  type: 'fanout' | 'topic'
}
/** Messages of `from` go on to `to`. */
export interface ExchangeBinding {
  from: string
  to: string
  key: string
}
/** All queues are durable; quorum queues, but for queues of requests. */
export interface Queue {
  name: string
  arguments: Readonly<Record<string, string | number>>
}
export interface Binding {
  exchange: string
  queue: string
  key: string
}

/** A name of one system among several on the same broker: `t1.EX_ORDER`, or `EX_ORDER` for the empty namespace. */
export const inNamespace = (namespace: string, name: string): string =>
  namespace === '' ? name : `${namespace}.${name}`

export const topicExchange = (namespace: string): string => inNamespace(namespace, 'EX_TOPIC')
export const serviceExchange = (namespace: string, service: string): string =>
  inNamespace(namespace, `EX_${service.toUpperCase()}`)
export const eventQueue = (namespace: string, service: string): string =>
  inNamespace(namespace, `${service}.events`)
/** A step of a queue's retry ladder; steps count from 1. */
export const retryQueue = (queue: string, step: number): string => `${queue}.retry.${step}`
export const deadQueue = (queue: string): string => `${queue}.dead`

/** How often a message may come back because its consumer died, before the broker itself puts it on the dead-letter queue. */
const deliveryLimit = 20

/**
 * No limit, spelled so that every RabbitMQ takes it: 3.10 knows no -1, and 4.x has a default. Left out it would not be the same: 3.10 puts
 * what comes back to a queue without a limit behind all others.
 */
const unlimited = 2_147_483_647

// Dead-lettering waits for the target's confirm; it needs an overflow that refuses instead of dropping.
const deadLetterTo = (queue: string) => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
})

/** A queue that is worked on, with its retry ladder (one step per delay, in milliseconds) and its dead-letter queue. */
export const workQueue = (name: string, retryDelaysMs: readonly number[]): Topology => ({
  exchanges: [],
  exchangeBindings: [],
  bindings: [],
  queues: [
    {
      name: deadQueue(name),
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': unlimited, 'x-overflow': 'reject-publish' },
    },
    {
      name,
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': deliveryLimit,
        ...deadLetterTo(deadQueue(name)),
      },
    },
    ...retryDelaysMs.map((delay, index) => ({
      name: retryQueue(name, index + 1),
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': unlimited,
        'x-message-ttl': delay,
        ...deadLetterTo(name),
      },
    })),
  ],
})

/**
 * A queue of requests. Requests are worth nothing after seconds, so it is a plain durable queue with messages that expire: nothing
 * is replicated, nothing is retried, and what nobody can answer goes to its dead-letter queue.
 */
export const requestQueue = (name: string): Topology => ({
  exchanges: [],
  exchangeBindings: [],
  bindings: [],
  queues: [
    ...workQueue(name, []).queues.filter((queue) => queue.name === deadQueue(name)),
    { name, arguments: { 'x-queue-type': 'classic' } },
  ],
})

/** One fanout exchange per service, and the topic exchange that hears all of them. */
export const exchangesOf = (namespace: string, services: readonly string[]): Topology => {
  const fanouts = services.map((service) => serviceExchange(namespace, service))
  const topic = topicExchange(namespace)
  return {
    exchanges: [
      ...fanouts.map((name) => ({ name, type: 'fanout' as const })),
      { name: topic, type: 'topic' as const },
    ],
    exchangeBindings: fanouts.map((from) => ({ from, to: topic, key: '' })),
    queues: [],
    bindings: [],
  }
}

export interface ServiceTopologyOptions {
  namespace: string
  service: string
  /** The routing keys it listens to. */
  hears: readonly string[]
  retryDelaysMs: readonly number[]
}

/** What one service works on: its event queue with all that belongs to it, bound to the topic exchange. */
export const serviceTopology = ({
  namespace,
  service,
  hears,
  retryDelaysMs,
}: ServiceTopologyOptions): Topology => {
  const queue = eventQueue(namespace, service)
  const bindings = [...new Set(hears)].map((key) => ({ exchange: topicExchange(namespace), queue, key }))
  return { ...workQueue(queue, retryDelaysMs), bindings }
}

/** Several topologies as one; what is in two of them is in it once. */
export const mergeTopologies = (...parts: readonly Topology[]): Topology => ({
  exchanges: distinct(parts.flatMap((it) => it.exchanges)),
  exchangeBindings: distinct(parts.flatMap((it) => it.exchangeBindings)),
  queues: distinct(parts.flatMap((it) => it.queues)),
  bindings: distinct(parts.flatMap((it) => it.bindings)),
})

const distinct = <T>(items: readonly T[]): T[] => [
  ...new Map(items.map((item) => [JSON.stringify(item), item])).values(),
]

/** The whole system's: exchanges, and every service's queue bound to the routing keys it hears. */
export const systemTopology = (
  namespace: string,
  hears: Readonly<Record<string, readonly string[]>>,
  retryDelaysMs: readonly number[],
): Topology =>
  mergeTopologies(
    exchangesOf(namespace, Object.keys(hears)),
    ...Object.entries(hears).map(([service, keys]) =>
      serviceTopology({ namespace, service, hears: keys, retryDelaysMs }),
    ),
  )
