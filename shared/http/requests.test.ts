import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeCursor } from './index.ts'
import { head, jsonOf, withDemo } from './testing.ts'

const id = '1198a000-0000-7000-8000-000000000001'
const order = JSON.stringify({ userId: id, items: [{ productId: id, quantity: 1 }] })
const statusOf = (answer: string) => Number(answer.split(' ')[1])
const headerOf = (answer: string, name: string) =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer.split('\r\n\r\n')[0] ?? '')?.[1]

test('H10: another method on a known path is 405 with Allow, never 501', () =>
  withDemo(async ({ raw }) => {
    for (const method of ['PUT', 'DELETE', 'TRACE', 'PATCH', 'PROPFIND', 'PURGE', 'LINK']) {
      const answer = await raw(head(`${method} /orders`, 'Content-Length: 0'))
      assert.is(statusOf(answer), 405, method)
      assert.is(headerOf(answer, 'Allow'), 'POST, HEAD, GET, OPTIONS', method)
    }
    assert.is(headerOf(await raw(head(`POST /orders/${id}`)), 'Allow'), 'HEAD, GET, OPTIONS')
  }))

test('H10: a method that HTTP does not know is 400', () =>
  withDemo(async ({ raw }) => {
    assert.is(statusOf(await raw(head('NONSENSE /orders'))), 400)
    assert.is(statusOf(await raw('\x16\x03\x01 not http\r\n\r\n')), 400)
  }))

test('H22: OPTIONS tells the methods, and nothing has CORS headers', () =>
  withDemo(async ({ ask }) => {
    const headers = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' }
    for (const method of ['OPTIONS', 'GET', 'POST']) {
      const answer = await ask('/orders', { method, headers })
      assert.is([...answer.headers.keys()].filter((name) => name.startsWith('access-control')).length, 0)
      if (method === 'OPTIONS')
        assert.equal([answer.status, answer.headers.get('allow')], [204, 'POST, HEAD, GET, OPTIONS'])
    }
  }))

test('HEAD is GET without a body', () =>
  withDemo(async ({ ask }) => {
    for (const path of [
      `/orders/${id}`,
      '/livez',
      '/readyz',
      '/metrics',
      '/openapi.json',
      `/orders/${id}/events`,
    ]) {
      const answer = await ask(path, { method: 'HEAD' })
      assert.is(answer.status, 200, path)
      assert.is(await answer.text(), '', path)
    }
  }))

test('H11, H13: paths that name nothing are 404, malformed ones 400', () =>
  withDemo(async ({ raw }) => {
    const rows: [string, number][] = [
      ['/orders/../users', 404],
      ['/orders/%2e%2e/', 404],
      ['/orders/%2E%2e', 404],
      ['/orders/.', 404],
      ['/orders/', 404],
      ['//orders', 404],
      ['/Orders', 404],
      ['/', 404],
      ['/nothing', 404],
      [`/orders/${id}/`, 404],
      ['/orders/%', 400],
      ['/orders/%ff', 400],
      ['/orders/%00', 400],
      [`/orders/${'x'.repeat(10_240)}`, 400],
      ['/orders/1', 400],
      [`/orders/${id}%2f..`, 400],
      ['/orders/00000000-0000-0000-0000-000000000000', 404],
    ]
    for (const [path, status] of rows)
      assert.is(statusOf(await raw(head(`GET ${path}`))), status, path.slice(0, 60))
    assert.is(statusOf(await raw(head('GET http://elsewhere/livez'))), 200)
    for (const host of ['[::1', 'xn--'])
      assert.is(statusOf(await raw(head(`GET http://${host}/livez`))), 400, host)
    assert.is(statusOf(await raw(head('GET http://?limit=1'))), 404)
    assert.is(statusOf(await raw(head('OPTIONS *'))), 404)
  }))

test('H15: query keys and values are checked; a cursor is one of this list', () =>
  withDemo(async ({ ask }) => {
    const first = await jsonOf(await ask('/orders?limit=3'))
    assert.equal(first.items, [0, 1, 2])
    const second = await jsonOf(await ask(`/orders?limit=2&cursor=${first.nextCursor}`))
    assert.equal(second.items, [3, 4])
    const forged = Buffer.from('AAAAAAAA["orders",5]').toString('base64url')
    const queries = ['cursor=garbage', 'cursor=', `cursor=${encodeCursor('users', [3])}`, `cursor=${forged}`]
    queries.push(
      `cursor=${encodeCursor('orders', ['x'])}`,
      'limit=0',
      'limit=101',
      'limit=1e1',
      'limit=',
      'limit=-1',
    )
    queries.push(
      'unknown=1',
      '__proto__=1',
      'toString=1',
      'limit=1&limit=2',
      'limit=%zz',
      'limit=%00',
      'userId=%ff',
      'userId=x',
    )
    for (const query of queries) {
      const answer = await ask(`/orders?${query}`)
      const problem = await jsonOf(answer)
      assert.is(answer.status, 400, query)
      assert.is(problem.status, 400)
      assert.type(problem.next, 'string')
    }
    assert.is((await ask(`/orders/${id}?a=1`)).status, 400)
  }))

test('H16: exactly one well-formed Host, never echoed', () =>
  withDemo(async ({ raw }) => {
    const get = (...hosts: string[]) =>
      ['GET /livez HTTP/1.1', 'Connection: close', ...hosts].join('\r\n').concat('\r\n\r\n')
    const bad = [
      [],
      ['Host:'],
      ['Host: evil@x'],
      ['Host: evil.example', 'Host: demo'],
      ['Host: a b'],
      ['Host: evil/x'],
      ['Host: x:y'],
    ]
    for (const hosts of bad) {
      const answer = await raw(get(...hosts))
      assert.is(statusOf(answer), 400, hosts.join())
      assert.not.match(answer, 'evil')
    }
    for (const host of ['demo', 'demo:80', '127.0.0.1:1', '[::1]:80']) {
      assert.is(statusOf(await raw(get(`Host: ${host}`))), 200, host)
    }
  }))

test('H17, H18: the request id is harmless or new, answered always, and the log keeps one line', () =>
  withDemo(async ({ ask, lines, raw }) => {
    const kept = await ask('/livez', { headers: { 'X-Request-Id': 'abc-1' } })
    assert.is(kept.headers.get('x-request-id'), 'abc-1')
    for (const given of ['a%0d%0aINFO', 'a b', 'x'.repeat(65), '<x>', 'ü']) {
      const answer = await ask('/nothing', {
        headers: { 'X-Request-Id': given, 'X-Forwarded-For': '6.6.6.6' },
      })
      const own = answer.headers.get('x-request-id') ?? ''
      assert.match(own, /^[0-9a-f-]{36}$/)
      assert.is((await jsonOf(answer)).instance, `urn:outbox-saga:request:${own}`)
    }
    const twice = await raw(head('GET /livez', 'X-Request-Id: a', 'X-Request-Id: b'))
    assert.match(headerOf(twice, 'X-Request-Id') ?? '', /^[0-9a-f-]{36}$/)
    assert.not.match(lines.join(''), /INFO|6\.6\.6\.6/)
    for (const line of lines) assert.is(line.trim().split('\n').length, 1)
  }))

test('the trace goes on when it is well-formed, else a new one begins', () =>
  withDemo(async ({ post }) => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const traceOf = async (traceparent: string) => {
      const answer = await post('/orders', order, { traceparent })
      return (await jsonOf(answer)).traceparent as string
    }
    const going = await traceOf(`00-${trace}-00f067aa0ba902b7-00`)
    assert.match(going, new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
    assert.not.match(going, '00f067aa0ba902b7')
    for (const bad of [
      'x',
      `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      'x'.repeat(9000),
    ]) {
      const made = await traceOf(bad)
      assert.match(made, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
      assert.not.match(made, trace)
    }
  }))

test('K2: an idempotency key is 1 to 255 printable ASCII characters, once', () =>
  withDemo(async ({ raw, seen }) => {
    const send = (...headers: string[]) =>
      raw(
        head('POST /orders', 'Content-Type: application/json', `Content-Length: ${order.length}`, ...headers),
        order,
      )
    const bad = [[''], ['x'.repeat(256)], ['a\x01b'], ['a\tb'], ['ключ'], ['é'], ['a', 'a']]
    for (const keys of bad) {
      const answer = await send(...keys.map((key) => `Idempotency-Key: ${key}`))
      assert.is(statusOf(answer), 400, JSON.stringify(keys))
    }
    assert.is(seen.orders.length, 0)
    for (const key of ['x', 'x'.repeat(255), 'a b~!"']) {
      assert.is(statusOf(await send(`Idempotency-Key: ${key}`)), 202, key)
    }
  }))

test('Prefer: wait is read, cut to 30 s, and ignored when malformed', () =>
  withDemo(async ({ post }) => {
    const rows: [string, number | undefined][] = [
      ['wait=5', 5],
      ['respond-async, wait=10', 10],
      ['wait="7"; x=y', 7],
      ['Wait=3600', 30],
      ['wait=0', 0],
      ['wait=-1', undefined],
      ['wait=1.5', undefined],
      ['wait=abc', undefined],
      ['wait', undefined],
      ['await=5', undefined],
    ]
    for (const [Prefer, wait] of rows) {
      const answer = await post('/orders', order, { Prefer })
      assert.is(answer.status, 202, Prefer)
      assert.is((await jsonOf(answer)).wait, wait, Prefer)
    }
  }))

test('failures: transient ones are 503 with Retry-After, defects 500, none tells of the inside', () =>
  withDemo(
    async ({ ask, lines }) => {
      const rows: [string, number, string][] = [
        ['defect', 500, 'internal'],
        ['away', 503, 'broker.unavailable'],
        ['conflict', 503, 'database.unavailable'],
        ['slow', 503, 'request.timed_out'],
      ]
      for (const [how, status, code] of rows) {
        const answer = await ask(`/fails/${how}`)
        const text = await answer.text()
        assert.equal([answer.status, JSON.parse(text).code], [status, code])
        assert.not.match(text, 'secret')
        assert.is(answer.headers.get('retry-after'), status === 503 ? '1' : null)
      }
      assert.match(lines.join(''), 'secret detail')
    },
    { limits: { handleMs: 100 } },
  ))

test('OpenAPI documents every route, its inputs and its errors', () =>
  withDemo(async ({ ask }) => {
    const document = await jsonOf(await ask('/openapi.json'))
    assert.is(document.openapi, '3.1.0')
    const paths = [
      '/orders',
      '/orders/{id}',
      '/orders/{id}/cancel',
      '/orders/{id}/events',
      '/livez',
      '/readyz',
      '/metrics',
    ]
    for (const path of [...paths, '/openapi.json']) assert.ok(document.paths[path], path)
    const { post, get } = document.paths['/orders']
    assert.equal(
      post.parameters.map((one: { name: string }) => one.name),
      ['idempotency-key', 'prefer'],
    )
    assert.is(post.requestBody.content['application/json'].schema.properties.items.minItems, 1)
    assert.equal(
      get.parameters.map((one: { required: boolean }) => one.required),
      [false, false, false],
    )
    const { responses } = document.components
    assert.is(post.responses.default.$ref, '#/components/responses/default')
    assert.ok(responses.default.content['application/problem+json'])
    assert.ok(document.paths['/orders/{id}/events'].get.responses[200].content['text/event-stream'])
  }))

test('metrics name the route, not the path; readiness names what is down', () =>
  withDemo(
    async ({ ask }) => {
      await ask(`/orders/${id}`)
      await ask('/nothing/at/all')
      const text = await (await ask('/metrics')).text()
      assert.match(text, 'http_request_seconds_count{method="GET",route="/orders/:id",status="200"} 1')
      assert.match(text, 'route="none",status="404"')
      assert.not.match(text, id)
      const ready = await ask('/readyz')
      assert.is(ready.status, 503)
      const checks = { database: 'up', broker: 'down', relay: 'down', slow: 'down' }
      assert.equal(await jsonOf(ready), { status: 'not ready', checks })
    },
    {
      limits: { readinessMs: 100 },
      readiness: {
        database: async () => {},
        broker: async () => false,
        relay: () => Promise.reject(new Error('secret')),
        slow: () => new Promise(() => {}),
      },
    },
  ))

test.run()
