import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { deadQueue, eventQueue } from '../../shared/messaging/index.ts'
import type { OutboxRow } from '../../shared/outbox/index.ts'
import { consumerOf, heardBy, reaching } from '../audit/hearing.ts'
import type { OutboxDatabase } from './databases.ts'

export { consumerOf, listeners } from '../audit/hearing.ts'

/** A queue that events may go to. `service`: whose inbox it leads to; undefined for a queue of somebody else. */
export interface Recipient {
  queue: string
  service: ServiceName | undefined
}

/** `skip`: its inbox has it. `ignore`: it comes there by its routing key, and nobody reacts to it. `unknown`: no inbox of ours. */
export type Effect = 'handle' | 'skip' | 'ignore' | 'unknown'
export type Predicted = { queue: string; effect: Effect }[]

/** A service's queue by the name that the design gives it, or by its whole name. */
export const recipientOf = (queue: string, namespace: string): Recipient => {
  const service = services.find((it) => queue === consumerOf(it) || queue === eventQueue(namespace, it))
  return service === undefined ? { queue, service } : { queue: eventQueue(namespace, service), service }
}

/** Queues of a service that no replay may go to. */
export const isNoConsumer = (queue: string): boolean =>
  queue.endsWith(deadQueue('')) || /\.retry\.\d+$/.test(queue)

/** Foresees what each event would do at each consumer, by asking the consumers' inboxes. */
export const createForesight = (
  outboxes: readonly OutboxDatabase[],
  namespace: string,
  to: Recipient | undefined,
) => {
  const reached = services.map((service) => ({
    service,
    queue: eventQueue(namespace, service),
    types: new Set<string>(reaching(service)),
    heard: new Set<string>(heardBy(service)),
  }))
  const toOne = reached.filter(({ service }) => service === to?.service)

  return async (rows: readonly OutboxRow[]): Promise<Predicted[]> => {
    const handled = new Map<ServiceName, Set<string>>()
    for (const { service, sql } of outboxes) {
      const found = await sql.$queryRawUnsafe<{ id: string }[]>(
        'select event_id::text as id from inbox where consumer = $1 and event_id = any($2::uuid[])',
        consumerOf(service),
        rows.map(({ eventId }) => eventId),
      )
      handled.set(service, new Set(found.map(({ id }) => id)))
    }
    const effectOf = (
      type: string,
      eventId: string,
      { service, heard }: (typeof reached)[number],
    ): Effect => {
      if (!heard.has(type)) return 'ignore'
      return handled.get(service)?.has(eventId) ? 'skip' : 'handle'
    }
    return rows.map(({ type, eventId }) => {
      if (to !== undefined && to.service === undefined) return [{ queue: to.queue, effect: 'unknown' }]
      const goes = to === undefined ? reached.filter(({ types }) => types.has(type)) : toOne
      return goes.map((one) => ({ queue: one.queue, effect: effectOf(type, eventId, one) }))
    })
  }
}
