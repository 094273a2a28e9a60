import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startDelayProxy } from './delay-proxy.ts'

/** An echo server, and a proxy in front of it. */
const withEcho = async (
  direction: 'requests' | 'answers',
  use: (proxy: Awaited<ReturnType<typeof startDelayProxy>>) => Promise<void>,
) => {
  const server = net
    .createServer((socket) => socket.on('error', () => {}).pipe(socket))
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await startDelayProxy(
    { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    direction,
  )
  try {
    await use(proxy)
  } finally {
    await proxy.close()
    server.close()
  }
}

const exchange = async (port: number, texts: string[]): Promise<{ answer: string; tookMs: number }> => {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const began = performance.now()
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  for (const text of texts) socket.write(text)
  socket.end()
  await once(socket, 'close')
  return { answer, tookMs: performance.now() - began }
}

for (const direction of ['requests', 'answers'] as const) {
  test(`${direction}: nothing is lost or turned round, and a delay is felt once`, () =>
    withEcho(direction, async (proxy) => {
      const texts = Array.from({ length: 50 }, (_, i) => `${i} `)
      assert.is((await exchange(proxy.port, texts)).answer, texts.join(''))
      proxy.delay(80)
      const { answer, tookMs } = await exchange(proxy.port, texts)
      assert.is(answer, texts.join(''))
      assert.ok(tookMs >= 79, `${tookMs} ms`)
      proxy.delay(0)
      assert.is((await exchange(proxy.port, texts)).answer, texts.join(''))
    }))
}

test('a server that is not there ends the connection', async () => {
  const nobody = net.createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  nobody.close()
  await once(nobody, 'close')
  const proxy = await startDelayProxy({ host: '127.0.0.1', port }, 'answers')
  const { answer } = await exchange(proxy.port, ['anyone?'])
  assert.is(answer, '')
  await proxy.close()
})

test.run()
