import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRabbitServer } from '../scripts/infra/binaries.ts'
import { startPrivateRabbit } from '../scripts/infra/private-rabbit.ts'
import type { PrivateServer } from '../scripts/infra/private-server.ts'
import { type BrokerConnection, connectBroker, consume, type Outcome } from '../shared/messaging/index.ts'
import { type Bench, benchDelaysMs, createKeptLog, withBench } from '../shared/messaging/testing.ts'
import { eventually, standstill, testServers } from '../shared/testing/index.ts'

const run = promisify(execFile)
const ack: Outcome = { kind: 'ack' }

const withPrivateBroker = async (use: (server: PrivateServer) => Promise<void>) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'broker-'))
  try {
    const server = await startPrivateRabbit({ dataDir })
    try {
      await use(server)
    } finally {
      await server.stop()
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

const consumed = async (bench: Bench, use: (seen: Set<number>) => Promise<void>) => {
  const { connection, queue, publisher, log } = bench
  const seen = new Set<number>()
  const handle = async (message: { content: Buffer }) => {
    seen.add(JSON.parse(message.content.toString()).n)
    return ack
  }
  const consumer = consume(connection, {
    queue,
    prefetch: 50,
    publisher,
    log,
    retryDelaysMs: benchDelaysMs,
    handle,
  })
  try {
    await use(seen)
  } finally {
    await consumer.stop()
  }
}

const publish = (bench: Bench, n: number) =>
  bench.publisher.publish({
    exchange: bench.exchange,
    routingKey: 'order.create',
    body: { n },
    properties: { deliveryMode: 2, messageId: `m${n}` },
    mandatory: true,
  })

const openSockets = async () => {
  const names = await readdir('/proc/self/fd')
  const links = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return links.filter((it) => it.startsWith('socket:')).length
}

test('a broker killed with publishes in flight loses nothing that it confirmed, and all reconnect unaided', () =>
  withPrivateBroker((server) =>
    withBench({ url: server.url, namespace: 'kill' }, (bench) =>
      consumed(bench, async (seen) => {
        const outcomes = new Map<number, string>()
        let next = 0
        let going = true
        const lane = async () => {
          while (going) {
            const n = next++
            outcomes.set(n, (await publish(bench, n)).kind)
            if (outcomes.get(n) === 'unknown') await bench.publisher.ready()
          }
        }
        const lanes = Array.from({ length: 20 }, lane)
        const many = () => [...outcomes.values()].filter((it) => it === 'confirmed').length
        // Long after the declaration: a quorum queue that is not a second old may not survive a kill.
        await new Promise((resolve) => setTimeout(resolve, 2_000))
        await eventually(() => many() > 200)
        await server.kill('SIGKILL')
        const before = many()
        await server.restart()
        await eventually(() => many() > before + 100, { withinMs: 15_000 })
        going = false
        await Promise.all(lanes)
        const kinds = new Set(outcomes.values())
        assert.ok(kinds.has('unknown') && !kinds.has('refused') && !kinds.has('returned'), [...kinds].join())
        const confirmed = [...outcomes].filter(([, kind]) => kind === 'confirmed').map(([n]) => n)
        await eventually(() => confirmed.every((n) => seen.has(n)), { withinMs: 15_000 })
      }),
    ),
  ))

test('a frozen broker is noticed by its heartbeat, and no socket stays behind', () =>
  withPrivateBroker((server) =>
    withBench(
      { url: server.url, namespace: 'freeze' },
      async (bench) => {
        const { connection, publisher } = bench
        const sockets: number[] = []
        for (let round = 0; round < 3; round += 1) {
          await connection.connected(AbortSignal.timeout(15_000))
          await publisher.ready(AbortSignal.timeout(15_000))
          assert.is((await publish(bench, round)).kind, 'confirmed')
          sockets.push(await openSockets())
          await server.kill('SIGSTOP')
          await standstill(server.pid)
          try {
            const late = publish(bench, 100 + round)
            await eventually(() => connection.state().kind === 'connecting', { withinMs: 12_000 })
            assert.is((await late).kind, 'unknown')
            // Both sockets are gone while the peer is still mute; at most one new attempt is under way.
            await eventually(async () => (await openSockets()) < (sockets.at(-1) ?? 0))
          } finally {
            await server.kill('SIGCONT')
          }
        }
        await connection.connected(AbortSignal.timeout(15_000))
        await publisher.ready(AbortSignal.timeout(15_000))
        await eventually(async () => (await openSockets()) <= (sockets[0] ?? 0))
      },
      { heartbeatSeconds: 2, confirmTimeoutMs: 1_000, connectTimeoutMs: 1_000 },
    ),
  ))

const ctl = async (server: PrivateServer, ...args: string[]) => {
  const environ = await readFile(`/proc/${server.pid}/environ`, 'utf8')
  const env = Object.fromEntries(environ.split('\0').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  await run(join(dirname(findRabbitServer() as string), 'rabbitmqctl'), args, { env })
}

test('while an alarm blocks publishes they are unknown by their own deadline, and consumers go on', () =>
  withPrivateBroker((server) =>
    withBench(
      { url: server.url, namespace: 'alarm' },
      async (bench) => {
        for (let n = 0; n < 20; n += 1) await bench.send({ n })
        await ctl(server, 'set_vm_memory_high_watermark', '0.0000001')
        const started = performance.now()
        for (const n of [100, 101, 102]) assert.is((await publish(bench, n)).kind, 'unknown')
        assert.ok(performance.now() - started < 6_000)
        await eventually(() => !bench.publisher.isReady())
        await consumed(bench, async (seen) => {
          await eventually(() => seen.size >= 20)
          await ctl(server, 'set_vm_memory_high_watermark', '0.4')
          await bench.publisher.ready(AbortSignal.timeout(15_000))
          assert.is((await publish(bench, 200)).kind, 'confirmed')
          await eventually(() => seen.has(200))
        })
      },
      { confirmTimeoutMs: 1_000 },
    ),
  ))

const attemptsOf = async (
  url: string,
  use: (connection: BrokerConnection, lines: string[]) => Promise<void>,
) => {
  const log = createKeptLog()
  const connection = connectBroker({ url, name: 'attempts', log, connectTimeoutMs: 500 })
  try {
    await use(connection, log.lines)
  } finally {
    await connection.close()
  }
  assert.not.match(log.lines.join('\n'), 'not-the-password')
}

test('wrong credentials: a clear reason, no password, no hot loop', async () => {
  const url = new URL(testServers().amqpUrl)
  url.password = 'not-the-password'
  await attemptsOf(url.href, async (connection, lines) => {
    const attempts = () => lines.filter((it) => it.startsWith('not connected')).length
    const started = performance.now()
    await eventually(() => attempts() >= 3, { withinMs: 20_000 })
    assert.ok(performance.now() - started >= 1_900)
    assert.match(lines.join('\n'), /ACCESS_REFUSED|ACCESS-REFUSED/)
    const state = connection.state()
    assert.ok(state.kind === 'connecting' && state.reason?.includes('ACCESS'))
  })
})

test('a listener that never answers fails within the time-out, again and again, without holding sockets', async () => {
  const accepted = new Set<Socket>()
  const server = createServer((socket) => {
    accepted.add(socket)
    socket.on('close', () => accepted.delete(socket)).on('error', () => {})
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    await attemptsOf(`amqp://me:not-the-password@127.0.0.1:${port}`, async (_, lines) => {
      await eventually(() => lines.filter((it) => it.startsWith('not connected')).length >= 3, {
        withinMs: 15_000,
      })
      assert.match(lines.join('\n'), /ETIMEDOUT|longer than/)
      assert.ok(accepted.size <= 1)
    })
  } finally {
    for (const socket of accepted) socket.destroy()
    server.close()
  }
})

test.run()
