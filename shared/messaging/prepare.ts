import { randomUUID } from 'node:crypto'
import type { Options } from 'amqplib'
import { describe } from '../failure/index.ts'

export interface PublishRequest {
  exchange: string
  routingKey: string
  /** Bytes go out as they are, anything else as JSON. */
  body: unknown
  properties: Options.Publish
  /** Ask the broker to hand it back when no queue wants it. */
  mandatory: boolean
  /** For copies of what came in: no limit on the body. */
  anySize?: boolean
}

/** A message that is ready to be written. */
export interface Prepared {
  exchange: string
  routingKey: string
  content: Buffer
  options: Options.Publish & { messageId: string }
}

/** What one message may weigh. */
export const maxBodyBytes = 256 * 1024

// AMQP's short strings hold 255 bytes; the client library would write a longer one wrongly or throw.
const maxShortBytes = 255
const shortProperties = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'messageId',
  'type',
  'appId',
] as const

/** The message as it will be written, or why it can't be. */
export const prepare = (request: PublishRequest, user: string): Prepared | { refused: string } => {
  const { exchange, routingKey, properties, mandatory, anySize = false } = request
  const content = contentOf(request.body)
  if (typeof content === 'string') return { refused: content }
  if (!anySize && content.length > maxBodyBytes) {
    return { refused: `the body has ${content.length} bytes, ${maxBodyBytes} are allowed` }
  }
  const long = tooLong(request)
  if (long !== undefined) return { refused: `${long} is longer than ${maxShortBytes} bytes` }
  const messageId = properties.messageId ?? randomUUID()
  const identity = user === '' ? {} : { userId: user }
  return { exchange, routingKey, content, options: { ...properties, ...identity, messageId, mandatory } }
}

const contentOf = (body: unknown): Buffer | string => {
  if (Buffer.isBuffer(body)) return body
  try {
    const text = JSON.stringify(body)
    return text === undefined ? 'the body is no JSON value' : Buffer.from(text)
  } catch (error) {
    return `the body is not serialisable: ${describe(error)}`
  }
}

/** The name of a text that AMQP can't hold. */
const tooLong = ({ exchange, routingKey, properties }: PublishRequest): string | undefined => {
  if (isTooLong(exchange)) return 'exchange'
  if (isTooLong(routingKey)) return 'routingKey'
  return shortProperties.find((name) => isTooLong(properties[name]))
}

// A UTF-16 unit takes three bytes at most, so that nearly every text is measured by its length.
const isTooLong = (text: string | undefined): boolean =>
  text !== undefined && text.length > maxShortBytes / 3 && Buffer.byteLength(text) > maxShortBytes
