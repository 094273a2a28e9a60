import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { type Demo, ended, head, jsonOf, withDemo } from './testing.ts'

const id = '1198a000-0000-7000-8000-000000000001'
const order = JSON.stringify({ userId: id, items: [{ productId: id, quantity: 1 }] })
const json = 'Content-Type: application/json'
const statusOf = (answer: string) => Number(answer.split(' ')[1])
const inOneChunk = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** Sends all of it and only then looks for an answer, as simple clients do: a reset on the way would have cost the answer. */
const upload = async ({ port }: Demo, start: string, piece: string, pieces: number): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = ended(socket)
  socket.pause()
  socket.write(start)
  for (let sent = 0; sent < pieces && socket.writable; sent += 1) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => {}), closed])
  }
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.resume()
  socket.end()
  await closed
  return received
}

test('H3: a body over the limit gets its 413, announced or not, even while the client is still sending', () =>
  withDemo(async (demo) => {
    const bytes = 'x'.repeat(16_384)
    const chunk = `4000\r\n${bytes}\r\n`
    const chunked = 'Transfer-Encoding: chunked'
    const pieces = 1_000 // 16 MB: more than the buffers between client and server hold
    for (const variant of [
      head,
      (...parts: Parameters<typeof head>) => head(...parts).replace('Connection: close\r\n', ''),
    ]) {
      const [announced, counted, elsewhere] = [
        variant('POST /orders', json, `Content-Length: ${bytes.length * pieces}`),
        variant('POST /orders', json, chunked),
        variant('POST /nothing', json, chunked),
      ] as [string, string, string]
      assert.is(statusOf(await upload(demo, announced, bytes, pieces)), 413)
      assert.is(statusOf(await upload(demo, counted, chunk, pieces)), 413)
      assert.is(statusOf(await upload(demo, elsewhere, chunk, pieces)), 404)
      assert.is(statusOf(await upload(demo, 'GET /livez HTTP/1.1\r\nX-Big: ', bytes, pieces)), 431)
    }
    assert.is(demo.seen.orders.length, 0)
  }))

test('H5: Transfer-Encoding together with Content-Length, and other ambiguous framing, is 400', () =>
  withDemo(async ({ raw, seen }) => {
    const chunks = inOneChunk(order)
    const framings = [
      ['Content-Length: 4', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 4'],
      ['Content-Length: 4', 'Content-Length: 5'],
      ['Content-Length: +4'],
      ['Content-Length: 0x4'],
      ['Transfer-Encoding: gzip'],
      ['Transfer-Encoding: chunked, identity'],
      ['Transfer-Encoding: gzip, chunked'],
      ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
    ]
    for (const framing of framings) {
      const answer = await raw(head('POST /orders', json, ...framing), chunks)
      assert.is(statusOf(answer), 400, framing.join())
      assert.match(answer, /application\/problem\+json[\s\S]*"next":"/)
    }
    assert.is(statusOf(await raw(head('POST /orders', json, 'Transfer-Encoding: chunked'), 'zz\r\n')), 400)
    assert.is(seen.orders.length, 0)
  }))

test('a well-formed chunked body is read', () =>
  withDemo(async ({ raw }) => {
    for (const coding of ['chunked', 'Chunked']) {
      const start = head('POST /orders', json, `Transfer-Encoding: ${coding}`)
      assert.is(statusOf(await raw(start, inOneChunk(order))), 202, coding)
    }
  }))

test('H8: headers that are too large are 431', () =>
  withDemo(async ({ raw }) => {
    const many = Array.from({ length: 101 }, (_, index) => `X-${index}: ${'x'.repeat(1_024)}`)
    const answer = await raw(head('GET /livez', ...many))
    assert.is(statusOf(answer), 431)
    assert.match(answer, /application\/problem\+json[\s\S]*"next":"/)
    assert.is(statusOf(await raw(head(`GET /${'x'.repeat(20_000)}`))), 431)
  }))

test('H9: a request that trickles in is 408 and its connection ends', () =>
  withDemo(
    async ({ port, ask, seen }) => {
      const trickles = [
        'GET /livez HTTP/1.1\r\nHost: demo\r\nX-',
        head('POST /orders', json, 'Content-Length: 500'),
      ]
      const answers = await Promise.all(trickles.map((start) => trickle(port, start)))
      assert.equal(answers.map(statusOf), [408, 408])
      assert.is((await ask('/livez')).status, 200)
      assert.is(seen.orders.length, 0)
    },
    { limits: { receiveMs: 400, receiveCheckMs: 50 } },
  ))

const trickle = async (port: number, start: string): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.write(start)
  const drip = setInterval(() => socket.writable && socket.write('x'), 20)
  await ended(socket)
  clearInterval(drip)
  return received
}

test('H19: who waits for 100 is told to go on only if the body would be read', () =>
  withDemo(async ({ raw, port, seen }) => {
    const waiting = (line: string, ...headers: string[]) =>
      raw(head(line, 'Expect: 100-continue', ...headers))
    assert.is(statusOf(await waiting('POST /orders', json, 'Content-Length: 70000')), 413)
    assert.is(statusOf(await waiting('POST /orders', 'Content-Type: text/plain', 'Content-Length: 70')), 415)
    assert.is(statusOf(await waiting('POST /nothing', json, 'Content-Length: 70')), 404)
    assert.is(statusOf(await raw(head('POST /orders', json, 'Expect: miracles', 'Content-Length: 70'))), 417)
    assert.is(seen.orders.length, 0)

    const socket = connect(port, '127.0.0.1')
    socket.write(head('POST /orders', json, 'Expect: 100-continue', `Content-Length: ${order.length}`))
    const [first] = await once(socket, 'data')
    assert.match(String(first), /^HTTP\/1.1 100 Continue\r\n/)
    socket.write(order)
    const [second] = await once(socket, 'data')
    assert.is(statusOf(String(second)), 202)
    socket.destroy()
  }))

test('H20: one token is limited, others are not', () =>
  withDemo(
    async ({ ask }) => {
      const many = (count: number, headers: Record<string, string>) =>
        Promise.all(Array.from({ length: count }, () => ask('/livez', { headers })))
      const busy = await many(200, { Authorization: 'Bearer busy' })
      const refused = busy.filter((answer) => answer.status === 429)
      assert.ok(refused.length > 0 && refused.length < 200, String(refused.length))
      assert.match(refused[0]?.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
      const others = [...(await many(20, { Authorization: 'Bearer calm' })), ...(await many(150, {}))]
      assert.ok(others.every((answer) => answer.status === 200))
    },
    { limits: { ratePerSecond: 20 } },
  ))

test('H21: a thousand idle connections are capped, and the service answers', () =>
  withDemo(async ({ port, ask }) => {
    let closed = 0
    const open = async () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.on('close', () => closed++)
      await once(socket, 'connect')
      return socket
    }
    const sockets: Socket[] = []
    for (let batch = 0; batch < 10; batch++)
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, open))))
    assert.is((await ask('/livez')).status, 200)
    await eventually(() => closed >= 488)
    assert.ok(closed <= 490, String(closed))
    assert.is((await ask('/livez')).status, 200)
    for (const socket of sockets) socket.destroy()
  }))

/** A process of its own, for in one process connections are read between those that are accepted. */
const crowd = `
  const { connect } = require('node:net')
  const [port, count, request] = process.argv.slice(1)
  const one = () => new Promise((resolve) => {
    let received = ''
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => { received += chunk })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received.slice(9, 12)))
  })
  Promise.all(Array.from({ length: Number(count) }, one)).then((all) => console.log(all.join()))`

test('a thousand clients that come at once, each with a request, are all answered', () =>
  withDemo(async ({ port }) => {
    const asking = [String(port), '1000', head('GET /livez')]
    // The first ones meet code that was never run, and come no faster than they are read.
    for (let round = 0; round < 4; round += 1) {
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', crowd, ...asking])
      assert.equal([...new Set(stdout.trim().split(','))], ['200'])
    }
  }))

test('pipelined requests and a reset connection do no harm', () =>
  withDemo(async ({ raw, port, ask, lines }) => {
    const two = await raw('GET /livez HTTP/1.1\r\nHost: demo\r\n\r\n', head('GET /readyz'))
    assert.is(two.split('HTTP/1.1 200').length - 1, 2)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(head('POST /orders', json, 'Content-Length: 500'))
    await once(socket, 'connect')
    socket.resetAndDestroy()
    assert.is((await ask('/livez')).status, 200)
    assert.not.match(lines.join(''), '"level":"error"')
  }))

test('stop: not ready while still listening, then closed; what is in progress ends', () =>
  withDemo(
    async ({ ask, stop, port }) => {
      const slow = ask('/fails/slow')
      const stream = ask(`/orders/f${id.slice(1)}/events`)
      assert.is((await ask('/readyz')).status, 200)
      const text = (await stream).text()
      const stopped = stop()
      const ready = await ask('/readyz')
      assert.is(ready.status, 503)
      assert.is((await jsonOf(ready)).status, 'stopping')
      assert.is(ready.headers.get('connection'), 'close')
      assert.is((await slow).status, 200)
      assert.match(await text, 'PROCESSING')
      await stopped
      const socket = connect(port, '127.0.0.1')
      const [error] = await once(socket, 'error')
      assert.is(error.code, 'ECONNREFUSED')
    },
    { limits: { notReadyMs: 2_000 } },
  ))

test('many requests in progress at once leave no warning of leaking listeners', () =>
  withDemo(
    async ({ ask }) => {
      const warnings: Error[] = []
      const note = (warning: Error) => void warnings.push(warning)
      process.on('warning', note)
      await Promise.all(Array.from({ length: 30 }, () => ask('/fails/slow')))
      process.off('warning', note)
      assert.equal(warnings, [])
    },
    { limits: { handleMs: 100 } },
  ))

test('stop does not wait for ever', () =>
  withDemo(
    async ({ port, stop }) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(head('POST /orders', json, 'Content-Length: 500'))
      await once(socket, 'connect')
      await stop()
      await ended(socket)
    },
    { limits: { drainMs: 100 } },
  ))

test('a port in use is said in one line', () =>
  withDemo(async ({ port }) => {
    const { createHttpApp } = await import('./index.ts')
    const { silentLog } = await import('../log/index.ts')
    const app = createHttpApp({ service: 'other', routes: [], log: silentLog() })
    try {
      await app.listen({ host: '127.0.0.1', port })
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code: string }).code, 'port.unavailable')
    }
  }))

test.run()
