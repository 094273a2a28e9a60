import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { streamEvents } from './event-stream.ts'
import { head, withDemo } from './testing.ts'

const brief = '1198a000-0000-7000-8000-000000000001'
const endless = 'f198a000-0000-7000-8000-000000000001'

test('events come with ids and end with the source', () =>
  withDemo(async ({ ask, seen }) => {
    const answer = await ask(`/orders/${brief}/events`)
    assert.is(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    assert.is(
      await answer.text(),
      [
        'retry: 1000',
        '',
        'id: 1\nevent: status\ndata: {"status":"PROCESSING"}',
        '',
        'id: 2\nevent: status\ndata: {"status":"SUCCESS"}',
        '',
        '',
      ].join('\n'),
    )
    assert.is(seen.streamsOver, 1)
  }))

test('a client resumes after the last event it saw; a malformed id is 400', () =>
  withDemo(async ({ ask }) => {
    const from = (last: string) => ask(`/orders/${brief}/events`, { headers: { 'Last-Event-ID': last } })
    assert.match(await (await from('41')).text(), 'id: 42\n')
    for (const bad of ['-1', '1.5', 'x', '', '01', '9'.repeat(20)])
      assert.is((await from(bad)).status, 400, bad)
  }))

test('a quiet stream shows that it lives', () =>
  withDemo(
    async ({ port }) => {
      const socket = connect(port, '127.0.0.1')
      socket.write(head(`GET /orders/${endless}/events`))
      let received = ''
      while ((received.match(/^: still here$/gm) ?? []).length < 2)
        received += (await once(socket, 'data'))[0]
      assert.match(received, 'id: 1\n')
      socket.destroy()
    },
    { limits: { heartbeatMs: 20 } },
  ))

test('when the client goes the source ends', () =>
  withDemo(async ({ port, seen }) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(head(`GET /orders/${endless}/events`))
    await once(socket, 'data')
    socket.destroy()
    await eventually(() => seen.streamsOver === 1)
  }))

test('so it does when the client had not read what was sent', async () => {
  let [sent, isOver] = [0, false]
  async function* source() {
    try {
      for (;;) {
        yield { data: 'x'.repeat(1_000) }
        sent += 1
      }
    } finally {
      isOver = true
    }
  }
  const { signal } = new AbortController()
  const stream = streamEvents(source, { signal, heartbeatMs: 60_000, onError: () => {} })
  await eventually(() => sent > 0 && stream.readableLength >= stream.readableHighWaterMark)
  assert.not(isOver)
  stream.destroy()
  await eventually(() => isOver, { withinMs: 5_000 })
})

test.run()
