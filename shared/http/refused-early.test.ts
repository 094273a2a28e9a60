import { once } from 'node:events'
import { Agent, type OutgoingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { type Demo, ended, head, withDemo } from './testing.ts'

const id = '1198a000-0000-7000-8000-000000000001'
const order = JSON.stringify({ userId: id, items: [{ productId: id, quantity: 1 }] })
const json = 'Content-Type: application/json'
const statusesIn = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))

/** Sends one request after another on one connection; gives each answer's status, and whether the connection is still the first. */
const onOneConnection = async (
  { port }: Demo,
  use: (
    send: (method: string, path: string, body: string, headers?: OutgoingHttpHeaders) => Promise<number>,
  ) => Promise<void>,
) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let first = true
  try {
    await use(async (method, path, body, headers) => {
      const asked = request({
        port,
        method,
        path,
        agent,
        headers: { 'Content-Type': 'application/json', ...headers },
      })
      asked.end(body)
      const [answer] = await once(asked, 'response')
      await once(answer.resume(), 'end')
      assert.is(asked.reusedSocket, !first, `${method} ${path}: another connection`)
      first = false
      return answer.statusCode
    })
  } finally {
    agent.destroy()
  }
}

/** A raw connection, and all that came back on it so far. */
const opened = (port: number, allowHalfOpen = false) => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen })
  const seen = { socket, received: '' }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    seen.received += chunk
  })
  return seen
}

/** Writes this over and over until the connection ends; gives how many bytes it took. */
const sendUntilEnded = async ({ socket }: ReturnType<typeof opened>, piece: string, everyMs: number) => {
  const sending = setInterval(
    () => socket.writable && !socket.writableNeedDrain && socket.write(piece),
    everyMs,
  )
  await ended(socket)
  clearInterval(sending)
  return socket.bytesWritten
}

test('a connection goes on after a refusal that came before the body', () =>
  withDemo(
    (demo) =>
      onOneConnection(demo, async (send) => {
        const refused: [number, string, string, string, OutgoingHttpHeaders?][] = [
          [415, 'POST', '/orders', order, { 'Content-Type': 'text/plain' }],
          [404, 'POST', '/nothing', order],
          [405, 'PUT', '/orders', order],
          [400, 'POST', '/orders', order, { 'Idempotency-Key': 'é' }],
          [400, 'POST', '/orders/x/cancel', order],
          [400, 'POST', '/orders', order, { 'Transfer-Encoding': 'gzip, chunked' }],
          [413, 'POST', '/orders', order.padEnd(200_000), { 'Content-Length': 200_000 }],
          [413, 'POST', '/orders', order.padEnd(200_000), { 'Transfer-Encoding': 'chunked' }],
          [429, 'POST', '/orders', order, { Authorization: 'Bearer busy' }],
        ]
        assert.is(await send('POST', '/orders', order, { Authorization: 'Bearer busy' }), 202)
        for (const [status, ...one] of refused) {
          assert.is(await send(...one), status, one.join(' '))
          assert.is(await send('POST', '/orders', order), 202, `after ${status}`)
        }
      }),
    { limits: { ratePerSecond: 1 } },
  ))

test('what is pipelined behind a refused body is answered', () =>
  withDemo(async ({ raw, port }) => {
    const start = `POST /nothing HTTP/1.1\r\nHost: demo\r\nContent-Length: 6\r\n\r\n`
    assert.equal(statusesIn(await raw(`${start}abcdef${head('GET /livez')}`)), [404, 200])

    const connection = opened(port)
    connection.socket.write(start)
    await eventually(() => statusesIn(connection.received).length === 1)
    connection.socket.write('abc')
    connection.socket.write(`def${head('GET /livez')}`)
    await ended(connection.socket)
    assert.equal(statusesIn(connection.received), [404, 200])
  }))

test('who wants the connection closed has it closed once the refused body is over', () =>
  withDemo(
    async ({ port }) => {
      const connection = opened(port)
      connection.socket.write(head('POST /nothing', json, 'Content-Length: 6'))
      await eventually(() => statusesIn(connection.received).length === 1)
      connection.socket.write('abcdef')
      await ended(connection.socket)
    },
    { limits: { receiveMs: 60_000 } },
  ))

test('the rest of a refused body is read only so long, and gets no second answer', () =>
  withDemo(
    async ({ port }) => {
      const starts = ['Content-Length: 90000', 'Transfer-Encoding: chunked']
      await Promise.all(
        starts.map(async (framing) => {
          const connection = opened(port)
          connection.socket.write(`POST /nothing HTTP/1.1\r\nHost: demo\r\n${framing}\r\n\r\n`)
          await sendUntilEnded(connection, '1\r\nx\r\n', 20)
          assert.equal(statusesIn(connection.received), [404])
        }),
      )
    },
    { limits: { receiveMs: 400, receiveCheckMs: 50 } },
  ))

test('the rest of a refused body is read only so far', () =>
  withDemo(
    async ({ port }) => {
      const mebibyte = 'x'.repeat(2 ** 20)
      for (const start of [head('POST /orders', json, 'Content-Length: 10000000000'), 'not http\r\n\r\n']) {
        const connection = opened(port, true) // it goes on whatever it hears
        connection.socket.write(start)
        const sent = await sendUntilEnded(connection, mebibyte, 5)
        assert.is(statusesIn(connection.received).length, 1)
        assert.ok(sent > 4 * 2 ** 20 && sent < 2 ** 30, String(sent))
      }
    },
    { limits: { receiveMs: 60_000, discardBytes: 4 * 2 ** 20 } },
  ))

test('a body that is whole only after its 408 places nothing', () =>
  withDemo(
    async ({ port, seen, ask }) => {
      const connection = opened(port)
      connection.socket.write(head('POST /orders', json, `Content-Length: ${order.length}`))
      connection.socket.write(order.slice(0, 20))
      await eventually(() => statusesIn(connection.received).length === 1)
      connection.socket.write(order.slice(20))
      connection.socket.end()
      await ended(connection.socket)
      assert.equal(statusesIn(connection.received), [408])
      assert.is(seen.orders.length, 0)
      const line = 'http_request_seconds_count{method="POST",route="/orders",status="408"} 1'
      await eventually(async () => (await (await ask('/metrics')).text()).includes(line))
    },
    { limits: { receiveMs: 400, receiveCheckMs: 50 } },
  ))

test('a request whose client left before its answer is measured and logged as 499', () =>
  withDemo(async ({ port, ask, lines }) => {
    const starts = [head('POST /orders', json, 'Content-Length: 500'), head('GET /fails/slow')]
    for (const start of starts) {
      const { socket } = opened(port)
      socket.write(start)
      await eventually(async () => {
        await ask('/livez')
        return true
      })
      socket.destroy()
    }
    for (const [method, route] of [
      ['POST', '/orders'],
      ['GET', '/fails/slow'],
    ]) {
      const line = `http_request_seconds_count{method="${method}",route="${route}",status="499"} 1`
      await eventually(async () => (await (await ask('/metrics')).text()).includes(line))
    }
    assert.not.match(await (await ask('/metrics')).text(), 'status="404"')
    assert.is(lines.filter((line) => JSON.parse(line).status === 499).length, 2)
  }))

test('CONNECT is answered, and its connection ends', () =>
  withDemo(async ({ raw }) => {
    const answer = await raw('CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n')
    assert.equal(statusesIn(answer), [405])
    assert.match(answer, /^Allow: \r$/m)
    assert.match(answer, /application\/problem\+json[\s\S]*"next":"/)
  }))

test.run()
