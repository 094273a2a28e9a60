import type { Socket } from 'node:net'
import { connect, type Message } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, withBroker } from '../testing/index.ts'
import { consume } from './consumer.ts'
import { declareTopology } from './declare-topology.ts'
import { parseEnvelope } from './envelope.ts'
import { type Bench, benchDelaysMs, withBench } from './testing.ts'
import { requestQueue } from './topology.ts'

/** Headers with bytes changed on their way to the broker: no client of Node writes what others write. */
const sendChanged = async (
  { url }: Bench,
  queue: string,
  headers: object,
  change: (bytes: Buffer) => Buffer,
) => {
  const model = await connect(url)
  try {
    const channel = await model.createConfirmChannel()
    const socket = (model.connection as unknown as { stream: Socket }).stream
    const { write } = socket
    socket.write = (bytes: string | Uint8Array) =>
      write.call(socket, change(Buffer.from(bytes as Uint8Array)))
    channel.sendToQueue(queue, Buffer.from('{}'), { contentType: 'application/json', headers })
    await channel.waitForConfirms()
  } finally {
    await model.close()
  }
}

const change = (from: string, to: string) => (bytes: Buffer) =>
  Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1')

/** An array of arrays, as bytes: what comes after the tag of the outermost. */
const nested = (depth: number) => {
  const bytes = Buffer.alloc(5 * depth, 'A')
  for (let at = 0; at < bytes.length; at += 5)
    bytes.writeUInt32BE(Math.max(0, bytes.length - at - 10), at + 1)
  return bytes
}

/** On a plain queue: a quorum queue of RabbitMQ 3.10 writes all headers anew. */
const receiving = (use: (bench: Bench, queue: string, seen: Message[]) => Promise<void>) =>
  withBroker((broker) =>
    withBench(broker, async (bench) => {
      const { connection, publisher, log } = bench
      const queue = `${broker.namespace}.requests`
      await declareTopology(connection, requestQueue(queue))
      const seen: Message[] = []
      const handle = async (message: Message) => {
        seen.push(message)
        return { kind: 'ack' } as const
      }
      const options = { queue, prefetch: 5, publisher, log, retryDelaysMs: benchDelaysMs, handle }
      const consumer = consume(connection, options)
      try {
        await consumer.subscribed(AbortSignal.timeout(10_000))
        await use(bench, queue, seen)
        assert.equal(connection.state(), { kind: 'connected', generation: 1, blocked: undefined })
      } finally {
        await consumer.stop()
      }
    }),
  )

test('64 bits as py-amqp writes them are read as a number, at any depth, and end no connection', () =>
  receiving(async (bench, queue, seen) => {
    const long = (value: number) => ({ '!': 'int64', value })
    const all = {
      a: 'before',
      q: long(-5),
      list: [1, { q: long(2 ** 40) }],
      bytes: Buffer.from('qq'),
      z: true,
    }
    await sendChanged(bench, queue, all, change('\x01ql', '\x01qL'))
    await sendChanged(bench, queue, {}, (bytes) => bytes)
    await eventually(() => seen.length === 2)
    const { q, list, ...rest } = (seen[0] as Message).properties.headers as Record<string, unknown>
    assert.equal([q, list], [-5, [1, { q: 2 ** 40 }]])
    assert.equal(rest, { a: 'before', bytes: Buffer.from('qq'), z: true })
  }))

test('headers nested deeper than calls can are left out, and the message says so', () =>
  receiving(async (bench, queue, seen) => {
    // Bytes under the tag of an array.
    await sendChanged(bench, queue, { deep: nested(12_000) }, change('\x04deepx', '\x04deepA'))
    await sendChanged(bench, queue, {}, (bytes) => bytes)
    await eventually(() => seen.length === 2)
    const message = seen[0] as Message
    assert.equal(message.properties.headers, { 'x-headers-unreadable': true })
    assert.is(message.properties.contentType, 'application/json')
    const parsed = parseEnvelope(message)
    assert.is(parsed.ok || parsed.code, 'envelope.headers')
  }))

test.run()
