import type { Channel, ConsumeMessage } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, withBroker } from '../testing/index.ts'
import { type ConsumeOptions, type Consumer, consume, type Outcome } from './consumer.ts'
import { declareTopology } from './declare-topology.ts'
import { type Bench, benchDelaysMs, withBench } from './testing.ts'

const ack: Outcome = { kind: 'ack' }
const bodyOf = (message: ConsumeMessage) => JSON.parse(message.content.toString())

const consuming = async (
  bench: Bench,
  options: Partial<ConsumeOptions> & Pick<ConsumeOptions, 'handle'>,
  use: (consumer: Consumer) => Promise<void>,
) => {
  const { connection, queue, publisher, log } = bench
  const consumer = consume(connection, {
    queue,
    prefetch: 20,
    publisher,
    log,
    retryDelaysMs: benchDelaysMs,
    ...options,
  })
  try {
    await consumer.subscribed(AbortSignal.timeout(10_000))
    await use(consumer)
  } finally {
    await consumer.stop()
  }
}
const onBench = (use: (bench: Bench) => Promise<void>) => withBroker((broker) => withBench(broker, use))

test('prefetch messages are handled at the same time, each once', () =>
  onBench(async (bench) => {
    const seen: number[] = []
    let busy = 0
    let busiest = 0
    const handle = async (message: ConsumeMessage) => {
      busy += 1
      busiest = Math.max(busiest, busy)
      await new Promise((resolve) => setTimeout(resolve, 5))
      busy -= 1
      seen.push(bodyOf(message).n)
      return ack
    }
    await consuming(bench, { handle }, async () => {
      await Promise.all(Array.from({ length: 200 }, (_, n) => bench.send({ n })))
      await eventually(() => seen.length === 200)
    })
    assert.is(new Set(seen).size, 200)
    assert.ok(busiest > 5 && busiest <= 20, `${busiest}`)
    assert.is(await bench.count(bench.queue), 0)
  }))

test('a failing message climbs the ladder and ends on the dead-letter queue with its history, among handled neighbours', () =>
  onBench(async (bench) => {
    const tries: number[] = []
    const handled: string[] = []
    const counted: string[] = []
    const handle = async (message: ConsumeMessage): Promise<Outcome> => {
      const { id } = bodyOf(message)
      if (id === 'throws') {
        tries.push(Date.now())
        throw new Error('handler is broken')
      }
      if (id === 'bad') return { kind: 'dead-letter', reason: 'not an order', code: 'body.invalid' }
      handled.push(id)
      return ack
    }
    const observer = {
      retried: () => counted.push('retried'),
      deadLettered: (code: string) => counted.push(code),
    }
    await consuming(bench, { handle, observer }, async () => {
      for (const id of ['a', 'throws', 'b', 'bad', 'c'])
        await bench.send({ id }, { messageId: id, type: 'T' })
      const first = await bench.take(`${bench.queue}.dead`)
      assert.is(first.properties.messageId, 'bad')
      assert.is(first.properties.headers?.['x-reason-code'], 'body.invalid')
      assert.is(first.properties.headers?.['x-reason'], 'not an order')
      const second = await bench.take(`${bench.queue}.dead`)
      const headers = second.properties.headers ?? {}
      assert.equal([second.properties.messageId, second.properties.type], ['throws', 'T'])
      assert.is(headers['x-reason-code'], 'retries.exhausted')
      assert.is(headers['x-original-exchange'], bench.exchange)
      assert.is(headers['x-original-routing-key'], 'order.create')
      assert.is(headers['x-consumer'], bench.queue)
      assert.is(headers['x-failures'].length, 3)
      assert.is(headers['x-attempt'], 3)
      assert.not('x-death' in headers)
    })
    assert.equal(handled.sort(), ['a', 'b', 'c'])
    assert.equal(counted.sort(), ['body.invalid', 'retried', 'retried', 'retries.exhausted'])
    const [one = 0, two = 0, three = 0] = tries
    assert.is(tries.length, 3)
    assert.ok(two - one >= 95 && three - two >= 295, `${two - one} ${three - two}`)
  }))

test('what succeeds on a later try is gone from everywhere', () =>
  onBench(async (bench) => {
    const attempts: unknown[] = []
    const handle = async (message: ConsumeMessage): Promise<Outcome> => {
      attempts.push(message.properties.headers?.['x-attempt'])
      return attempts.length < 3 ? { kind: 'retry', reason: 'not yet' } : ack
    }
    await consuming(bench, { handle }, async () => {
      await bench.send({ n: 1 })
      await eventually(() => attempts.length === 3)
    })
    assert.equal(attempts, [undefined, 2, 3])
    for (const { name } of bench.topology.queues) assert.is(await bench.count(name), 0, name)
  }))

test('a message too large, or with headers that leave no room, reaches the dead-letter queue all the same', () =>
  onBench(async (bench) => {
    const handle = async (): Promise<Outcome> => ({
      kind: 'dead-letter',
      reason: 'x',
      code: 'body.too_large',
    })
    await consuming(bench, { handle }, async () => {
      bench.channel.sendToQueue(bench.queue, Buffer.alloc(400 * 1024, 'x'), { messageId: 'large' })
      const large = await bench.take(`${bench.queue}.dead`)
      assert.is(large.content.length, 400 * 1024)
      assert.is(large.properties.headers?.['x-reason-code'], 'body.too_large')
      const headers = { big: 'x'.repeat(65_400) }
      bench.channel.sendToQueue(bench.queue, Buffer.from('{}'), { messageId: 'heavy', headers })
      const heavy = await bench.take(`${bench.queue}.dead`)
      assert.is(heavy.properties.messageId, 'heavy')
      assert.not('big' in (heavy.properties.headers ?? {}))
      assert.is(heavy.properties.headers?.['x-reason-code'], 'body.too_large')
    })
  }))

test('a deleted queue is declared again and worked on', () =>
  onBench(async (bench) => {
    const seen: unknown[] = []
    const counted: string[] = []
    const handle = async (message: ConsumeMessage) => {
      seen.push(bodyOf(message).n)
      return ack
    }
    const redeclare = () => declareTopology(bench.connection, bench.topology)
    const observer = { resubscribed: () => counted.push('resubscribed') }
    await consuming(bench, { handle, redeclare, observer }, async (consumer) => {
      await bench.channel.deleteQueue(bench.queue)
      await eventually(() => counted.length === 1, { withinMs: 5_000 })
      assert.ok(consumer.isSubscribed())
      await bench.send({ n: 1 })
      await eventually(() => seen.length === 1)
    })
    assert.equal(counted, ['resubscribed'])
  }))

test('a queue that is not there at first is declared and worked on', () =>
  onBench(async (bench) => {
    await bench.channel.deleteQueue(bench.queue)
    const redeclare = () => declareTopology(bench.connection, bench.topology)
    const seen: unknown[] = []
    const handle = async (message: ConsumeMessage) => {
      seen.push(bodyOf(message).n)
      return ack
    }
    await consuming(bench, { handle, redeclare }, async () => {
      await bench.send({ n: 1 })
      await eventually(() => seen.length === 1)
    })
  }))

test('a deleted dead-letter queue is declared again before the failed message is acknowledged', () =>
  onBench(async (bench) => {
    await bench.channel.deleteQueue(`${bench.queue}.dead`)
    const redeclare = () => declareTopology(bench.connection, bench.topology)
    const handle = async (): Promise<Outcome> => ({ kind: 'dead-letter', reason: 'x', code: 'x' })
    await consuming(bench, { handle, redeclare }, async () => {
      await bench.send({}, { messageId: 'm' })
      await eventually(
        async () =>
          (await bench.connection
            .session()
            ?.createChannel()
            .then(async (channel) => {
              const { messageCount } = await channel.checkQueue(`${bench.queue}.dead`)
              await channel.close()
              return messageCount
            })) === 1,
      )
    })
  }))

test('a channel killed by a double ack is replaced within five seconds; what was unacknowledged comes again', () =>
  onBench(async (bench) => {
    const channels: Channel[] = []
    const session = await bench.connection.connected()
    const createChannel = async () => {
      const channel = await session.createChannel()
      channels.push(channel)
      return channel
    }
    // The same connection, with a hook on the channels that the consumer opens.
    const hooked = {
      ...bench.connection,
      onConnected: (setup: Parameters<typeof bench.connection.onConnected>[0]) =>
        bench.connection.onConnected(() => setup({ ...session, createChannel })),
    }
    const held: (() => void)[] = []
    const seen: string[] = []
    const events: string[] = []
    const handle = async (message: ConsumeMessage) => {
      seen.push(bodyOf(message).id)
      if (seen.length <= 2) await new Promise<void>((resolve) => held.push(resolve))
      return ack
    }
    const observer = {
      redelivered: () => void events.push('redelivered'),
      resubscribed: () => void events.push('resubscribed'),
    }
    await consuming({ ...bench, connection: hooked }, { handle, observer }, async (consumer) => {
      await bench.send({ id: 'a' })
      await bench.send({ id: 'b' })
      await eventually(() => held.length === 2)
      channels[0]?.ack({ fields: { deliveryTag: 1 } } as ConsumeMessage)
      channels[0]?.ack({ fields: { deliveryTag: 1 } } as ConsumeMessage)
      await eventually(() => events.includes('resubscribed'), { withinMs: 5_000 })
      await eventually(() => events.includes('redelivered'))
      // Stale acknowledgements: dropped, or else they would kill the new channel with a 406.
      for (const release of held) release()
      await bench.send({ id: 'c' })
      await eventually(() => seen.includes('c'))
      assert.is(channels.length, 2)
      assert.ok(consumer.isSubscribed())
    })
    assert.equal(seen, ['a', 'b', 'b', 'c'])
    assert.is(await bench.count(bench.queue), 0)
  }))

test('a failed message is acknowledged only once its copy is confirmed', () =>
  onBench(async (bench) => {
    let refusing = true
    let asked = 0
    const publisher = {
      ready: async () => {},
      publish: async (request: Parameters<typeof bench.publisher.publish>[0]) => {
        asked += 1
        return refusing
          ? ({ kind: 'unknown', reason: 'no confirm' } as const)
          : await bench.publisher.publish(request)
      },
    }
    let calls = 0
    const handle = async (): Promise<Outcome> => {
      calls += 1
      return { kind: 'dead-letter', reason: 'x', code: 'x' }
    }
    await consuming(bench, { handle, publisher }, async (consumer) => {
      await bench.send({})
      await eventually(() => asked >= 3)
      assert.is(consumer.inFlight(), 1)
      refusing = false
      await bench.take(`${bench.queue}.dead`)
      await eventually(() => consumer.inFlight() === 0)
    })
    assert.is(calls, 1)
    assert.is(await bench.count(bench.queue), 0)
  }))

test('what a handler holds too long goes back, and nothing is taken until the handlers have ended', () =>
  onBench(async (bench) => {
    const started: string[] = []
    let end = () => {}
    const held = new Promise<void>((resolve) => {
      end = resolve
    })
    const handle = async (message: ConsumeMessage) => {
      started.push(bodyOf(message).id)
      await held
      return ack
    }
    await consuming(bench, { handle, patienceMs: 500 }, async (consumer) => {
      await bench.send({ id: 'slow' })
      await eventually(async () => !consumer.isSubscribed() && (await bench.count(bench.queue)) === 1)
      await bench.send({ id: 'next' })
      // Ten times the pause before another subscription.
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      assert.equal([started, consumer.isSubscribed(), await bench.count(bench.queue)], [['slow'], false, 2])
      end()
      await eventually(() => started.length === 3)
      await consumer.subscribed(AbortSignal.timeout(5_000))
    })
    assert.equal(started.sort(), ['next', 'slow', 'slow'])
    assert.is(await bench.count(bench.queue), 0)
  }))

test('a consumer whose messages went back stops, though their handler never ends', () =>
  onBench(async (bench) => {
    const handle = () => new Promise<Outcome>(() => {})
    await consuming(bench, { handle, patienceMs: 200, drainTimeoutMs: 200 }, async (consumer) => {
      await bench.send({ id: 'stuck' })
      await eventually(async () => !consumer.isSubscribed() && (await bench.count(bench.queue)) === 1)
    })
    assert.is(await bench.count(bench.queue), 1)
  }))

test('stop lets running handlers finish and their acknowledgements arrive; the rest stays', () =>
  onBench(async (bench) => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    let started = 0
    const handle = async () => {
      started += 1
      await gate
      return ack
    }
    await consuming(bench, { handle, prefetch: 5 }, async (consumer) => {
      await Promise.all(Array.from({ length: 12 }, (_, n) => bench.send({ n })))
      await eventually(() => started === 5)
      const stopped = consumer.stop()
      release()
      await stopped
    })
    assert.is(started, 5)
    await eventually(async () => (await bench.count(bench.queue)) === 7)
  }))

test.run()
