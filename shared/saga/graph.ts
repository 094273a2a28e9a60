import { type EventType, events, eventTypes, type ServiceName } from '../contracts/index.ts'
import { heard, type Row } from './table.ts'

/** Rows of any table, as far as the graph needs them. */
export type Rows = readonly Pick<Row<never>, 'source' | 'input' | 'emits'>[]

/** The choreography tables of all services. */
export type System = Record<ServiceName, { rows: Rows }>

/** One reaction: `service`, on hearing or being asked `input`, may say `emits`. */
export interface Reaction {
  service: ServiceName
  input: string
  source: 'event' | 'command'
  emits: readonly EventType[]
}

export const reactionsOf = (system: System): Reaction[] =>
  (Object.keys(system) as ServiceName[]).flatMap((service) =>
    system[service].rows.map(({ input, source, emits }) => ({ service, input, source, emits })),
  )

/** The services whose table hears an event. */
export const listenersOf = (system: System, type: EventType): ServiceName[] =>
  (Object.keys(system) as ServiceName[]).filter((service) => heard(system[service].rows).includes(type))

/** The routing keys a service's queue binds, each once, derived from what its table hears. */
export const bindingsOf = (rows: Rows): string[] => [
  ...new Set(heard(rows).map((type) => events[type].routingKey)),
]

/** What is wrong with a choreography as a whole; empty when every event is heard or final and every path ends. */
export const problemsOf = (system: System): string[] => {
  const reactions = reactionsOf(system)
  const problems: string[] = []
  for (const { service, input, emits } of reactions) {
    for (const type of emits) {
      if (events[type].by !== service)
        problems.push(`${service} says ${type} (on ${input}), which belongs to ${events[type].by}`)
    }
  }
  for (const type of eventTypes) {
    const listeners = listenersOf(system, type)
    if (!events[type].final && listeners.length === 0)
      problems.push(`${type} has no listener and is not marked final`)
    if (events[type].final && listeners.length > 0)
      problems.push(`${type} is marked final, yet ${listeners.join(' and ')} listens`)
    if (!reactions.some(({ emits }) => emits.includes(type))) problems.push(`nobody says ${type}`)
  }
  return [...problems, ...endlessPaths(reactions)]
}

const endlessPaths = (reactions: Reaction[]): string[] => {
  const endless: string[] = []
  const follow = (type: EventType, path: readonly string[]) => {
    if (path.includes(type)) {
      endless.push(`the path ${[...path, type].join(' -> ')} has no end`)
      return
    }
    for (const reaction of reactions) {
      if (reaction.input === type) for (const next of reaction.emits) follow(next, [...path, type])
    }
  }
  for (const { source, emits } of reactions)
    if (source === 'command') for (const type of emits) follow(type, [])
  return [...new Set(endless)]
}
