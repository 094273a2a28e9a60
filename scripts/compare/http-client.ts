import http from 'node:http'

export interface Answer {
  status: number
  body: string
}

export interface HttpClient {
  /** Throws the socket's error, or an error whose code is `timeout` when the whole answer was not there in time. */
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  get(url: string): Promise<Answer>
  close(): void
}

/** Shorter than a server's usual five seconds, so that no request goes out on a connection that is just being closed. */
const idleConnectionMs = 3_000

/** Keep-alive, as many connections as there are requests in flight, one time limit for the whole exchange. */
export const createHttpClient = (timeoutMs: number): HttpClient => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, timeout: idleConnectionMs })

  const exchange = (method: string, url: string, body: string | null, headers: Record<string, string>) =>
    new Promise<Answer>((resolve, reject) => {
      const request = http.request(url, { method, agent, headers })
      const limit = setTimeout(
        () =>
          request.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'timeout' })),
        timeoutMs,
      )
      const fail = (error: Error) => {
        clearTimeout(limit)
        reject(error)
      }
      request.on('error', fail)
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', fail)
        response.on('end', () => {
          clearTimeout(limit)
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
        })
      })
      request.end(body)
    })

  return {
    post: (url, body, headers = {}) => {
      const text = JSON.stringify(body)
      return exchange('POST', url, text, {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
        ...headers,
      })
    },
    get: (url) => exchange('GET', url, null, {}),
    close: () => agent.destroy(),
  }
}
