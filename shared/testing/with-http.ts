import { createHttpApp, type Route } from '../http/index.ts'
import { silentLog } from '../log/index.ts'

/** What came back: a JSON body parsed, any other as text, an empty one as null. */
export interface Answered<Body> {
  status: number
  headers: Headers
  body: Body
}

/** `call('POST', '/products', {..})`; a string or bytes go out as they are. */
export type Call = <Body = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answered<Body>>

/** Serves these routes on a free port while `use` runs. */
export const withHttp = async <Result>(routes: readonly Route[], use: (call: Call) => Promise<Result>) => {
  const limits = { ratePerSecond: 100_000, notReadyMs: 0 }
  const app = createHttpApp({ service: 'test', routes, log: silentLog(), limits })
  const listening = await app.listen({ host: '127.0.0.1', port: 0 })
  const call: Call = async (method, path, body, headers) => {
    const response = await fetch(`http://127.0.0.1:${listening.port}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    const parsed = text === '' ? null : isJson ? JSON.parse(text) : text
    return { status: response.status, headers: response.headers, body: parsed }
  }
  try {
    return await use(call)
  } finally {
    await listening.stop()
  }
}

const isRaw = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array
