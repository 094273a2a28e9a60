import type { IncomingMessage } from 'node:http'
import readRaw from 'raw-body'
import { Refused } from '../failure/index.ts'
import { invalid } from './validate.ts'

const jsonType = /^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?;?\s*$/i

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

const tooLarge = (limit: number) =>
  new Refused('too_large', `The body is larger than ${limit} bytes.`, {
    code: 'body.too_large',
    next: 'Send a smaller one.',
  })

/** Before anything is read: refuses what its head already shows to be too large. */
export const refuseAnnouncedSize = ({ headers }: IncomingMessage, limit: number): void => {
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
}

/** Only JSON in UTF-8, not compressed. */
export const refuseMediaType = ({ headers }: IncomingMessage): void => {
  const next = 'Send JSON in UTF-8 with Content-Type: application/json and no Content-Encoding.'
  if (!jsonType.test(headers['content-type'] ?? '')) {
    throw new Refused('unsupported', 'The content type is not application/json.', {
      code: 'body.media_type',
      next,
    })
  }
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) {
    throw new Refused('unsupported', 'The content encoding is not supported.', {
      code: 'body.encoding',
      next,
    })
  }
}

/** All bytes of the body, counted while they come in; throws Refused when they are too many or stop coming. */
export const readBytes = async (request: IncomingMessage, limit: number): Promise<Buffer> => {
  try {
    return await readRaw(request, { limit, length: request.headers['content-length'] ?? null })
  } catch (cause) {
    if ((cause as { type?: unknown }).type === 'entity.too.large') throw tooLarge(limit)
    throw new Refused('invalid', 'The body did not arrive whole.', {
      code: 'body.incomplete',
      next: 'Send all of it.',
      cause,
    })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The JSON object in these bytes. A byte order mark is refused (RFC 8259 forbids sending one); of duplicate keys the last
 * counts, as in JSON.parse. Throws Refused `invalid`.
 */
export const parseObject = (bytes: Buffer): object => {
  let text: string
  let value: unknown
  try {
    text = decoder.decode(bytes)
  } catch {
    throw invalid([{ pointer: '', message: 'is not UTF-8' }], 'body.not_utf8')
  }
  if (text.startsWith('\ufeff'))
    throw invalid([{ pointer: '', message: 'starts with a byte order mark' }], 'body.bom')
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid([{ pointer: '', message: 'is not JSON' }], 'body.not_json')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid([{ pointer: '', message: 'is not a JSON object' }], 'body.not_object')
  }
  return value
}
