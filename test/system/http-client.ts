import { Buffer } from 'node:buffer'
import { type IncomingHttpHeaders, request } from 'node:http'

export interface Answer<Body = Record<string, unknown>> {
  status: number
  headers: IncomingHttpHeaders
  /** The JSON body; null when there is none. */
  body: Body
  text: string
  /** From the first byte sent to the last received. */
  ms: number
}

/** Objects go out as JSON; strings and bytes as they are. */
export type Call = <Body = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer<Body>>

const timeoutMs = 40_000

/**
 * Requests to one service, each on a connection of its own, so that a restarted service is never met on an old one. Rejects when no
 * whole answer came: the caller then doesn't know what became of the request.
 */
export const createCall =
  (baseUrl: string): Call =>
  (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const began = performance.now()
      const bytes = bytesOf(body)
      const sent = request(
        `${baseUrl}${path}`,
        {
          method,
          agent: false,
          headers: {
            ...(bytes === undefined
              ? {}
              : { 'Content-Type': 'application/json', 'Content-Length': bytes.length }),
            ...headers,
          },
          timeout: timeoutMs,
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            const { statusCode: status = 0, headers } = response
            resolve({ status, headers, text, body: parsed(text) as never, ms: performance.now() - began })
          })
        },
      )
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      sent.on('error', reject)
      sent.end(bytes)
    })

const bytesOf = (body: unknown): Buffer | undefined => {
  if (body === undefined) return undefined
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text
  }
}
