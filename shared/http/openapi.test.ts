import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Demo, head, jsonOf, withDemo } from './testing.ts'

const id = '1198a000-0000-7000-8000-000000000001'
const order = JSON.stringify({ userId: id, items: [{ productId: id, quantity: 1 }] })

interface Response {
  $ref?: string
  headers: Record<string, { $ref?: string }>
  content?: Record<string, unknown>
}
interface Operation {
  operationId: string
  responses: Record<string, Response>
}

/** A reference is followed; what refers to nothing fails the test. */
const resolved = (document: object, { $ref, ...own }: { $ref?: string }): unknown => {
  if ($ref === undefined) return own
  const found = $ref
    .split('/')
    .slice(1)
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], document)
  assert.ok(found, $ref)
  return found
}

const documentOf = async ({ ask }: Demo) => {
  const document = await jsonOf(await ask('/openapi.json'))
  const operation = (method: string, path: string): Operation => document.paths[path][method]
  return {
    document,
    operation,
    responseOf: (method: string, path: string, status: number) =>
      resolved(document, operation(method, path).responses[status] ?? {}) as Response,
  }
}

type Ask = (demo: Demo) => Promise<{ status: number; headers: Headers }>

/** The same for what no ordinary client would send: all of it arrives in two parts, or never. */
const rawly =
  (...parts: string[]): Ask =>
  async ({ raw }) => {
    const [line = '', ...lines] = ((await raw(...parts)).split('\r\n\r\n')[0] ?? '').split('\r\n')
    const headers = new Headers(lines.map((one) => one.split(/: ?/, 2) as [string, string]))
    return { status: Number(line.split(' ')[1]), headers }
  }

const json = 'Content-Type: application/json'
const placing =
  (body: string, headers: Record<string, string> = {}): Ask =>
  (demo) =>
    demo.post('/orders', body, headers)
const getting =
  (path: string): Ask =>
  (demo) =>
    demo.ask(path)
/** More than the limit of the test allows for one token. */
const tooOften: Ask = async ({ ask }) => {
  const headers = { Authorization: 'Bearer busy' }
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`/orders/${id}`, { headers })))
  return answers.find(({ status }) => status === 429) ?? (answers[0] as globalThis.Response)
}

/** How each documented answer of these operations comes about. */
const provoked: Record<string, Record<number, Ask>> = {
  'post /orders': {
    202: placing(order),
    400: placing('{}'),
    408: rawly(head('POST /orders', json, 'Content-Length: 500')),
    413: placing(order.padEnd(65_537)),
    415: placing(order, { 'Content-Type': 'text/plain' }),
    422: placing(order, { 'Idempotency-Key': 'used' }),
    429: tooOften,
  },
  'get /orders/{id}': {
    200: getting(`/orders/${id}`),
    400: getting('/orders/x'),
    404: getting(`/orders/0${id.slice(1)}`),
    408: rawly('GET /livez HTTP/1.1\r\nHost: demo\r\n'),
    429: tooOften,
  },
  'post /names': { 503: (demo) => demo.post('/names', '{"name":"away"}') },
  'get /fails/away': { 400: getting('/fails/away?x=1'), 503: getting('/fails/away') },
  'get /readyz': { 200: getting('/readyz') },
  'post /orders/{id}/cancel': { 204: (demo) => demo.ask(`/orders/${id}/cancel`, { method: 'POST' }) },
}

test('what OpenAPI says of an operation is what is answered: status, headers and media type', () =>
  withDemo(
    async (demo) => {
      const { responseOf, document } = await documentOf(demo)
      for (const [operation, answers] of Object.entries(provoked)) {
        const [method = '', path = ''] = operation.split(' ')
        for (const [status, ask] of Object.entries(answers)) {
          const what = `${operation}: ${status}`
          const documented = responseOf(method, path, Number(status))
          const answer = await ask(demo)
          assert.is(answer.status, Number(status), what)
          for (const [name, header] of Object.entries(documented.headers)) {
            resolved(document, header)
            assert.ok(answer.headers.get(name), `${what}: ${name}`)
          }
          const [type] = Object.keys(documented.content ?? {})
          assert.is(answer.headers.get('content-type')?.split(';')[0], type, what)
        }
      }
    },
    { limits: { receiveMs: 300, receiveCheckMs: 50, ratePerSecond: 5 } },
  ))

test('OpenAPI says which refusals belong to which routes, and names every operation once', () =>
  withDemo(async (demo) => {
    const { document, operation } = await documentOf(demo)
    const statuses = (method: string, path: string) => Object.keys(operation(method, path).responses)
    const always = ['400', '408', '429', '503', 'default']
    const expected: [string, string, string[]][] = [
      ['post', '/orders', ['202', '413', '415', '422', ...always]],
      ['get', '/orders', ['200', ...always]],
      ['get', '/orders/{id}', ['200', '404', ...always]],
      ['post', '/orders/{id}/cancel', ['204', '404', ...always]],
    ]
    for (const [method, path, all] of expected)
      assert.equal(statuses(method, path).sort(), all.sort(), `${method} ${path}`)

    const operations = Object.values<Record<string, Operation>>(document.paths).flatMap(Object.values)
    const ids = operations.map(({ operationId }: Operation) => operationId)
    assert.is(new Set(ids).size, ids.length)
    assert.ok(ids.includes('postOrdersByIdCancel') && ids.includes('getOpenapiJson'), ids.join())
    const { headers } = operation('post', '/orders').responses[202] as Response
    assert.equal(Object.keys(headers), ['X-Request-Id', 'Location'])
  }))

test('the problem in OpenAPI is the problem that is answered', () =>
  withDemo(async (demo) => {
    const { document } = await documentOf(demo)
    const { properties, required, examples } = document.components.schemas.Problem
    for (const problem of [await jsonOf(await demo.post('/orders', '{}')), ...examples]) {
      for (const key of required) assert.ok(key in problem, key)
      for (const key of Object.keys(problem)) assert.ok(key in properties, key)
    }
  }))

test.run()
