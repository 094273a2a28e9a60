import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { Id, IdempotencyKey, Lines } from '../contracts/index.ts'
import { Refused, Unavailable } from '../failure/index.ts'
import { createLog } from '../log/index.ts'
import {
  Cursor,
  createHttpApp,
  encodeCursor,
  eventStream,
  type HttpOptions,
  LastEventId,
  Limit,
  Prefer,
  route,
  Text,
} from './index.ts'

const Order = z.object({
  id: z.string(),
  items: z.number(),
  traceparent: z.string(),
  wait: z.number().optional(),
})
const params = z.object({ id: Id })

/** A small service for the tests of this room: every kind of route there is, and nothing behind them. */
const demoRoutes = (seen: { orders: unknown[]; streamsOver: number }) => [
  route({
    method: 'POST',
    path: '/orders',
    summary: 'Place an order',
    headers: z.object({ 'idempotency-key': IdempotencyKey.optional(), prefer: Prefer.optional() }),
    body: z.object({ userId: Id, items: Lines }),
    answers: { 202: Order },
    answerHeaders: { Location: 'The address of the order' },
    refusals: { 422: 'The key came with another body' },
    handle: async ({ body, headers, traceparent }) => {
      if (headers['idempotency-key'] === 'used')
        throw new Refused('mismatch', 'The key came with another body.', { code: 'idempotency.key_reused' })
      seen.orders.push(body)
      const wait = headers.prefer?.waitSeconds
      const order = { id: body.userId, items: body.items.length, traceparent }
      return {
        status: 202,
        body: { ...order, ...(wait === undefined ? {} : { wait }) },
        headers: { Location: `/orders/${order.id}` },
      }
    },
  }),
  route({
    method: 'GET',
    path: '/orders',
    summary: 'List orders',
    query: z.object({
      limit: Limit,
      cursor: Cursor('orders', z.tuple([z.int()])).optional(),
      userId: Id.optional(),
    }),
    answers: { 200: z.object({ items: z.array(z.int()), nextCursor: z.string().nullable() }) },
    handle: ({ query: { limit, cursor } }) => {
      const from = cursor?.[0] ?? 0
      const items = Array.from({ length: limit }, (_, index) => from + index)
      return { status: 200, body: { items, nextCursor: encodeCursor('orders', [from + limit]) } }
    },
  }),
  route({
    method: 'GET',
    path: '/orders/:id',
    summary: 'One order',
    params,
    answers: { 200: z.object({ id: z.string() }) },
    handle: ({ params: { id } }) => {
      if (id.startsWith('0'))
        throw new Refused('not_found', 'There is no such order.', { code: 'order.not_found' })
      return { status: 200, body: { id } }
    },
  }),
  route({
    method: 'POST',
    path: '/orders/:id/cancel',
    summary: 'Cancel an order',
    params,
    answers: { 204: null },
    handle: () => ({ status: 204 }),
  }),
  route({
    method: 'GET',
    path: '/orders/:id/events',
    summary: 'What happens to an order',
    params,
    headers: z.object({ 'last-event-id': LastEventId.default(0) }),
    answers: { 200: eventStream },
    handle: ({ params: { id }, headers }) => ({
      status: 200,
      events: async function* (signal) {
        try {
          yield { id: headers['last-event-id'] + 1, event: 'status', data: { status: 'PROCESSING' } }
          if (id.startsWith('f')) await new Promise((resolve) => signal.addEventListener('abort', resolve))
          yield { id: headers['last-event-id'] + 2, event: 'status', data: { status: 'SUCCESS' } }
        } finally {
          seen.streamsOver++
        }
      },
    }),
  }),
  route({
    method: 'POST',
    path: '/names',
    summary: 'Say a name',
    body: z.object({ name: Text(200) }),
    answers: { 201: z.object({ name: z.string() }) },
    handle: ({ body: { name } }) => {
      if (name === 'away') throw new Unavailable('secret host', { code: 'broker.unavailable' })
      return { status: 201, body: { name } }
    },
  }),
  ...(['defect', 'away', 'conflict', 'slow'] as const).map((how) =>
    route({
      method: 'GET',
      path: `/fails/${how}`,
      summary: 'Fail',
      answers: { 200: z.object({}) },
      handle: async ({ signal }) => {
        if (how === 'defect') throw new Error('secret detail')
        if (how === 'away') throw new Unavailable('secret host', { code: 'broker.unavailable' })
        if (how === 'conflict') throw Object.assign(new Error('secret row'), { code: '40001' })
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return { status: 200, body: {} }
      },
    }),
  ),
]

export interface Demo {
  port: number
  seen: { orders: unknown[]; streamsOver: number }
  lines: string[]
  stop(): Promise<void>
  /** Sends these bytes on a new connection and gives all that comes back until it ends. */
  raw(...parts: (string | Buffer)[]): Promise<string>
  /** A request by fetch to this path. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** POST of this text as JSON. */
  post(path: string, body: string | Buffer, headers?: Record<string, string>): Promise<Response>
}

/** Runs the demo service on a free port while the test runs. */
export const withDemo = async (use: (demo: Demo) => Promise<void>, options: Partial<HttpOptions> = {}) => {
  const seen = { orders: [] as unknown[], streamsOver: 0 }
  const lines: string[] = []
  const log = createLog({
    service: 'demo',
    level: 'debug',
    destination: { write: (line) => lines.push(line) },
  })
  const limits = { notReadyMs: 0, ...options.limits }
  const app = createHttpApp({ service: 'demo', routes: demoRoutes(seen), log, ...options, limits })
  const { port, stop } = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)
  try {
    await use({
      port,
      seen,
      lines,
      stop,
      raw: (...parts) => exchange(port, parts),
      ask,
      post: (path, body, headers = {}) =>
        ask(path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...headers } }),
    })
  } finally {
    await stop()
  }
}

/** All bytes a connection answers until it ends; what is written after the server closed is lost, and that is no error. */
const exchange = (port: number, parts: readonly (string | Buffer)[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (received === '' && error.code === 'ECONNREFUSED') reject(error)
    })
    socket.on('close', () => resolve(received))
    for (const part of parts) socket.write(part)
  })

/** Resolves when the connection has ended, in whatever way. */
export const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve()
    socket.once('close', () => resolve())
  })

/** The head of a raw request. */
export const head = (line: string, ...headers: string[]): string =>
  `${[`${line} HTTP/1.1`, 'Host: demo', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`

/** The JSON of an answer, untyped, as a client sees it. */
export const jsonOf = async (answer: Response) => JSON.parse(await answer.text())
