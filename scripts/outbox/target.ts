import { services } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { eventQueue } from '../../shared/messaging/index.ts'
import type { Broker } from './broker.ts'
import { noQueue, withBroker } from './broker.ts'
import { isNoConsumer, type Recipient, recipientOf } from './hearing.ts'
import type { Settings } from './settings.ts'

/** The queue that --to names, seen on the broker. Throws Refused when there is none, or none that is worked on. */
export const findTarget = async (
  queue: string,
  { sagaNamespace }: Settings,
  broker: Pick<Broker, 'depthOf'>,
): Promise<Recipient> => {
  const to = recipientOf(queue, sagaNamespace)
  const known = services.map((service) => eventQueue(sagaNamespace, service)).join(', ')
  if (isNoConsumer(queue))
    throw new Refused('invalid', `${queue} is not a queue that a consumer works on; there are ${known}.`, {
      code: 'outbox.no_consumer',
      next: 'npm run outbox -- replay --help',
    })
  if ((await broker.depthOf(to.queue)) !== undefined) return to
  const next = to.service === undefined ? `the services listen on ${known}` : 'npm run migrate declares it'
  throw noQueue(to.queue, next)
}

/** The same for a dry run, which needs no broker for the services' own queues. */
export const foreseeTarget = async (queue: string, settings: Settings): Promise<Recipient> => {
  const to = recipientOf(queue, settings.sagaNamespace)
  return to.service === undefined ? withBroker(settings, (broker) => findTarget(queue, settings, broker)) : to
}
