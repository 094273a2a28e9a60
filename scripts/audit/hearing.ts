import { choreography as order } from '../../services/order/choreography.ts'
import { choreography as product } from '../../services/product/choreography.ts'
import { choreography as user } from '../../services/user/choreography.ts'
import {
  type EventType,
  events,
  eventTypes,
  isEventType,
  type ServiceName,
  services,
} from '../../shared/contracts/index.ts'
import { bindingsOf, heard, listenersOf, reactionsOf, type System } from '../../shared/saga/index.ts'

const system: System = { order, product, user }

/** A consumer's name in the inbox: its queue without the namespace. */
export const consumerOf = (service: ServiceName): string => `${service}.events`

/** What a service's table hears. */
export const heardBy = (service: ServiceName): EventType[] => heard(system[service].rows)

/** What may reach a service's queue: what is said under the routing keys that it binds. */
export const reaching = (service: ServiceName): EventType[] => {
  const keys = bindingsOf(system[service].rows)
  return eventTypes.filter((type) => keys.includes(events[type].routingKey))
}

/** Who must handle an event of this type; nobody for a type that the contracts do not know. */
export const listeners = (type: string): ServiceName[] => (isEventType(type) ? listenersOf(system, type) : [])

/** What a service says only in answer to an event, never to a command: its cause is then in the inbox. */
export const answersOf = (service: ServiceName): EventType[] => {
  const reactions = reactionsOf(system)
  return eventTypes.filter((type) => {
    const sources = reactions.filter((it) => it.emits.includes(type))
    return events[type].by === service && sources.every(({ source }) => source === 'event')
  })
}

export const typesOf = (service: ServiceName): EventType[] =>
  eventTypes.filter((type) => events[type].by === service)

export { services }
