import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refused } from '../failure/index.ts'
import { invalid } from './validate.ts'

/** The caller's X-Request-Id if it is harmless, else a new one. */
export const requestIdOf = ({ headers }: IncomingMessage): string => {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID()
}

/** 32 random hex digits. Unlike randomBytes, randomUUID asks the system for many at once. */
const randomHex = () => randomUUID().replaceAll('-', '')

/** W3C trace context: the caller's trace with this request as its newest span; a new trace when there is none or it is malformed. */
export const traceparentOf = ({ headers }: IncomingMessage): string => {
  const given = headers.traceparent
  const match =
    typeof given === 'string' ? /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(given) : null
  const [, trace = '', parent = '', flags = '01'] = match ?? []
  const usable = /[^0]/.test(trace) && /[^0]/.test(parent)
  const span = randomHex().slice(16)
  return usable ? `00-${trace}-${span}-${flags}` : `00-${randomHex()}-${span}-01`
}

const hostSyntax = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?$/

/** Exactly one Host header of valid syntax; it is used for nothing and never repeated. */
export const refuseHost = ({ headersDistinct }: IncomingMessage): void => {
  const [host, ...others] = headersDistinct.host ?? []
  if (host === undefined || others.length > 0 || !hostSyntax.test(host)) {
    throw new Refused('invalid', 'There must be exactly one Host header, of valid syntax.', {
      code: 'host.invalid',
      next: 'Send one Host header that names this service.',
    })
  }
}

/** Chunked, and nothing else: a body that is coded otherwise besides could be read only as what it is not. */
export const refuseTransferCoding = ({ headers }: IncomingMessage): void => {
  const coding = headers['transfer-encoding']
  if (coding === undefined || coding.toLowerCase() === 'chunked') return
  throw new Refused('invalid', 'The only Transfer-Encoding here is chunked.', {
    code: 'body.transfer_encoding',
    next: 'Send the body chunked, or with its Content-Length.',
  })
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Refused('invalid', 'The address has a malformed percent-encoding.', {
      code: 'url.malformed',
      next: 'Write a % that means itself as %25, and other text as UTF-8.',
    })
  }
}

/** The path alone, without the host that may stand before it; throws Refused when the host is such that no path can be told from it. */
export const pathOf = (context: { readonly path: string | null }): string => {
  try {
    return context.path ?? '/'
  } catch (cause) {
    throw new Refused('invalid', 'The address is malformed.', {
      code: 'url.malformed',
      next: 'Send the path alone, such as /openapi.json.',
      cause,
    })
  }
}

/** Malformed percent-encoding is refused; `.` and `..` as a segment, encoded or not, name nothing here. */
export const isPlainPath = (path: string): boolean =>
  !path.split('/').some((segment) => /^\.{1,2}$/.test(decoded(segment)))

/** The query as an object; throws Refused when a key comes twice. */
export const queryOf = (text: string): Record<string, string> => {
  decoded(text)
  const query: Record<string, string> = Object.create(null)
  for (const [key, value] of new URLSearchParams(text)) {
    if (key in query) throw invalid([{ pointer: `/query/${key}`, message: 'is given twice' }])
    query[key] = value
  }
  return { ...query }
}

/** Headers that are lists by their definition; any other that a route reads may come once. */
const lists = new Set(['prefer'])

/** The headers with these names; throws Refused when one that is no list comes twice. */
export const headersOf = (
  { headersDistinct }: IncomingMessage,
  names: readonly string[],
): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const name of names) {
    const values = headersDistinct[name]
    if (values === undefined) continue
    if (values.length > 1 && !lists.has(name)) {
      throw invalid([{ pointer: `/headers/${name}`, message: 'is given twice' }])
    }
    found[name] = values.join(', ')
  }
  return found
}
