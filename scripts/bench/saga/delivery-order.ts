import { type ServiceName, services } from '../../../shared/contracts/index.ts'
import { withClient } from '../../../shared/database/migrations/index.ts'
import { connectBroker, consumeTopic, topicExchange } from '../../../shared/messaging/index.ts'
import type { Services } from './services.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** An outbox row. */
export interface Said {
  /** Grows by insertion. */
  id: number
  eventId: string
  aggregateId: string
}

/**
 * The first event that was delivered for the first time after a later one of its aggregate, or never; undefined when there is none.
 * `said` is one outbox, in id order; `delivered` are event ids as they came, also those of others, and again.
 */
export const firstOutOfOrder = (said: readonly Said[], delivered: readonly string[]): Said | undefined => {
  const firstAt = new Map<string, number>()
  for (const [at, id] of delivered.entries()) if (!firstAt.has(id)) firstAt.set(id, at)
  const latest = new Map<string, number>()
  return said.find(({ eventId, aggregateId }) => {
    const at = firstAt.get(eventId) ?? -1
    if (at < (latest.get(aggregateId) ?? 0)) return true
    latest.set(aggregateId, at)
    return false
  })
}

/**
 * Watches over a queue of its own all that is said from now on. The function it returns is called at rest: it ends the watch and throws
 * when an event was not seen, or not in its aggregate's order.
 */
export const watchDeliveryOrder = async ({ audited, databases }: Services): Promise<() => Promise<void>> => {
  const { amqpUrl: url, namespace } = audited
  const delivered: string[] = []
  const connection = connectBroker({ url, name: 'bench watch', log: silent })
  const watching = await new Promise<ReturnType<typeof consumeTopic>>((resolve) => {
    const observing = consumeTopic(connection, {
      exchange: topicExchange(namespace),
      patterns: ['#'],
      handle: (message) => void delivered.push(message.properties.messageId as string),
      log: silent,
      onSubscribed: () => resolve(observing),
    })
  })
  const before = await Promise.all(services.map((name) => lastIdOf(databases[name])))
  return async () => {
    await watching.stop()
    await connection.close()
    for (const [index, name] of services.entries()) {
      const said = await saidAfter(databases[name], before[index] ?? 0)
      const wrong = firstOutOfOrder(said, delivered)
      if (said.length === 0 || wrong) throw new Error(complaint(name, said.length, wrong))
    }
  }
}

const complaint = (name: ServiceName, watched: number, wrong: Said | undefined) =>
  `order of ${watched} events of the ${name} service: ${wrong ? `${wrong.eventId} of ${wrong.aggregateId} came late, or never` : 'nothing was watched'}`

const lastIdOf = (url: string): Promise<number> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ id: number }>('select coalesce(max(id), 0)::int as id from outbox')
    return rows[0]?.id ?? 0
  })

const saidAfter = (url: string, id: number): Promise<Said[]> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<Said>(
      `select id::int, event_id as "eventId", aggregate_id as "aggregateId" from outbox where id > $1 order by id`,
      [id],
    )
    return rows
  })
