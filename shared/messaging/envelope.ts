import type { Message, Options } from 'amqplib'
import { textOf, traceparentOf, uuidOf, versionOf } from './envelope-attributes.ts'
import { readBody, type Unreadable, unreadable } from './message-body.ts'
import { unreadableHeader } from './readable-frames.ts'

/** What is needed of CloudEvents 1.0 as it came over AMQP; every attribute is checked, what is optional and malformed is left out. */
export interface Envelope {
  /** The event's id, the same however often it is published. */
  id: string
  type: string
  source: string | undefined
  subject: string | undefined
  correlationId: string | undefined
  dataVersion: number
  traceparent: string | undefined
  data: Record<string, unknown>
  /** Where it was first published, also for a copy that went over the retry ladder. */
  exchange: string
  routingKey: string
  /** The broker user who published it, as the broker vouches for it. */
  publisher: string | undefined
}

export interface OutgoingEvent {
  id: string
  type: string
  service: string
  /** The aggregate's id: subject and correlation id. */
  subject: string
  time: Date
  /** Headers to send; those of CloudEvents that are missing are filled in. */
  headers?: Readonly<Record<string, unknown>>
}

/** AMQP properties of an event. */
export const toProperties = ({
  id,
  type,
  service,
  subject,
  time,
  headers,
}: OutgoingEvent): Options.Publish => ({
  messageId: id,
  type,
  appId: service,
  correlationId: subject,
  timestamp: Math.floor(time.getTime() / 1000),
  deliveryMode: 2,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  headers: {
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': id,
    'cloudEvents:type': type,
    'cloudEvents:source': `/services/${service}`,
    'cloudEvents:time': time.toISOString(),
    'cloudEvents:subject': subject,
    'cloudEvents:dataversion': '1',
    ...headers,
  },
})

/** Reads a message; `ownUser` is this consumer's broker user, whose retry copies may speak for the first publisher. */
export const parseEnvelope = (
  message: Message,
  ownUser?: string,
): { ok: true; envelope: Envelope } | Unreadable => {
  const body = readBody(message)
  if (!body.ok) return body
  const { properties } = message
  const headers: Readonly<Record<string, unknown>> = properties.headers ?? {}
  if (unreadableHeader in headers) return unreadable('envelope.headers', 'the headers can not be read')
  const id = uuidOf(properties.messageId)
  if (id === undefined) return unreadable('envelope.id', 'the messageId is not a UUID')
  const type = textOf(properties.type ?? headers['cloudEvents:type'])
  if (type === undefined) return unreadable('envelope.type', 'the type is missing')
  const specVersion = headers['cloudEvents:specversion'] ?? '1.0'
  if (specVersion !== '1.0') return unreadable('envelope.specversion', 'the CloudEvents version is not 1.0')
  const dataVersion = versionOf(headers['cloudEvents:dataversion'])
  if (dataVersion === undefined)
    return unreadable('envelope.version', 'the data version is missing or no whole number')
  return {
    ok: true,
    envelope: {
      id,
      type,
      source: textOf(headers['cloudEvents:source']),
      subject: textOf(headers['cloudEvents:subject']),
      correlationId: textOf(properties.correlationId),
      dataVersion,
      traceparent: traceparentOf(headers.traceparent),
      data: body.data,
      ...originOf(message, ownUser),
    },
  }
}

/** Where a message was published and by whom. A copy from the retry ladder carries both; only our own copies are believed. */
export const originOf = ({ fields, properties }: Message, ownUser: string | undefined) => {
  const headers: Readonly<Record<string, unknown>> = properties.headers ?? {}
  const sender = textOf(properties.userId)
  const isOwnCopy =
    fields.exchange === '' && 'x-original-exchange' in headers && sender === (ownUser || undefined)
  return {
    exchange: (isOwnCopy && textOf(headers['x-original-exchange'])) || fields.exchange,
    routingKey: (isOwnCopy && textOf(headers['x-original-routing-key'])) || fields.routingKey,
    publisher: isOwnCopy ? textOf(headers['x-original-user-id']) : sender,
  }
}
