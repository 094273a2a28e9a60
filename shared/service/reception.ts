import { type EventType, events, isEventType, type ServiceName } from '../contracts/index.ts'
import type { Envelope } from '../messaging/index.ts'
import type { Ask } from './act.ts'

export interface ReceptionOptions {
  /** The events this service's table hears. */
  hears: readonly EventType[]
  /** Which broker user each service publishes as; a service that is not named is not checked. */
  publishers: Partial<Record<ServiceName, string>>
}

export type Received =
  | { kind: 'ask'; ask: Ask }
  /** Routed here by its key, and nobody here reacts to it. */
  | { kind: 'ignore' }
  /** No try will help; a person has to look. */
  | { kind: 'refuse'; code: string; reason: string }

const refuse = (code: string, reason: string): Received => ({ kind: 'refuse', code, reason })

/** What an event means to this service. Everything is checked here, once, so that a decision only sees what its contract says. */
export const receive = (envelope: Envelope, { hears, publishers }: ReceptionOptions): Received => {
  const { type, dataVersion, data } = envelope
  if (!isEventType(type)) return refuse('event.unknown_type', `no event is called ${type.slice(0, 100)}`)
  const contract = events[type]
  if (dataVersion > contract.version)
    return refuse('event.newer_version', `${type} has version ${dataVersion}, known is ${contract.version}`)
  if (dataVersion < 1) return refuse('event.version', `${type} has version ${dataVersion}`)
  const expected = publishers[contract.by]
  if (expected !== undefined && envelope.publisher !== expected)
    return refuse('event.publisher', `${type} was published by ${envelope.publisher ?? 'nobody known'}`)
  if (envelope.source !== undefined && envelope.source !== `/services/${contract.by}`)
    return refuse('event.source', `${type} does not come from ${envelope.source.slice(0, 100)}`)
  if (envelope.routingKey !== '' && envelope.exchange !== '' && envelope.routingKey !== contract.routingKey)
    return refuse('event.routing_key', `${type} came under ${envelope.routingKey.slice(0, 100)}`)
  // There is one currency; an event that names one means something else than its contract.
  if ('currency' in data) return refuse('event.currency', `${type} names a currency`)
  const parsed = contract.data.safeParse(data)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `/${path.join('/')} ${message}`)
    return refuse('event.data', `${type}: ${problems.join('; ')}`)
  }
  const { orderId } = parsed.data
  for (const about of [envelope.subject, envelope.correlationId]) {
    if (about !== undefined && about.toLowerCase() !== orderId)
      return refuse('event.subject', `${type} is about ${orderId}, its envelope about ${about.slice(0, 100)}`)
  }
  if (!hears.includes(type)) return { kind: 'ignore' }
  const cause = { id: envelope.id, traceparent: envelope.traceparent }
  return { kind: 'ask', ask: { input: { type, data: parsed.data }, messageId: envelope.id, cause } }
}
