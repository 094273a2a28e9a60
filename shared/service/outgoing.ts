import { randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { type DomainEvent, events, type ServiceName } from '../contracts/index.ts'

/** What led to an event: the id of the event or command before it, and the trace it belongs to. */
export interface Cause {
  id?: string | undefined
  /** W3C Trace Context, as it came. */
  traceparent?: string | undefined
}

/** 32 random hex digits. Unlike randomBytes, randomUUID asks the system for many at once. */
const randomHex = () => randomUUID().replaceAll('-', '')

/** The same trace with a new span, or a new trace. https://www.w3.org/TR/trace-context/ */
const childTrace = (traceparent: string | undefined): string => {
  const [, traceId, , flags] = traceparent?.split('-') ?? []
  return `00-${traceId ?? randomHex()}-${randomHex().slice(16)}-${flags ?? '01'}`
}

/** The row a domain event becomes in its service's outbox; its id is given here, once, and never changes. */
export const outgoing = (
  { type, data }: DomainEvent,
  cause: Cause | undefined,
  exchangeOf: (service: ServiceName) => string,
) => {
  const { by, routingKey, version } = events[type]
  return {
    eventId: uuidv7(),
    type,
    aggregateId: data.orderId,
    exchange: exchangeOf(by),
    routingKey,
    payload: data,
    headers: {
      'cloudEvents:dataversion': String(version),
      ...(cause?.id === undefined ? {} : { 'cloudEvents:causationid': cause.id }),
      traceparent: childTrace(cause?.traceparent),
    },
  }
}
