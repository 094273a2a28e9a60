import type { ConsumeMessage } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, withBroker } from '../testing/index.ts'
import { type BrokerConnection, connectBroker } from './connection.ts'
import { declareTopology } from './declare-topology.ts'
import {
  consumeRpc,
  deadlineHeader,
  openRpcCaller,
  publishRpc,
  type RpcCaller,
  type RpcOutcome,
  type ServeOptions,
} from './rpc.ts'
import type { Session } from './session.ts'
import { type Bench, createKeptLog, withBench } from './testing.ts'
import { requestQueue } from './topology.ts'

interface Line {
  bench: Bench
  queue: string
  caller: RpcCaller
  strays(): number
  call(body: unknown, timeoutMs?: number): Promise<RpcOutcome>
  /** Serves the queue while `use` runs. */
  serving(
    answer: (body: Record<string, number>, message: ConsumeMessage) => Promise<Record<string, unknown>>,
    use: () => Promise<void>,
    options?: Partial<ServeOptions>,
  ): Promise<void>
}

/** A queue of requests, and a caller on a connection of its own. */
const onLine = (use: (line: Line) => Promise<void>) => () =>
  withBroker((broker) =>
    withBench(broker, async (bench) => {
      const { connection, publisher, log, url } = bench
      const queue = `${broker.namespace}.double`
      await declareTopology(connection, requestQueue(queue))
      const calling = connectBroker({ url, name: 'bench call', log })
      let strays = 0
      const caller = openRpcCaller(calling, {
        log,
        onStray: () => {
          strays += 1
        },
      })
      try {
        await use({
          bench,
          queue,
          caller,
          strays: () => strays,
          call: (body, timeoutMs = 10_000) =>
            publishRpc(caller, { queue, procedure: 'double', body, timeoutMs }),
          async serving(answer, work, options) {
            const server = consumeRpc(connection, {
              queue,
              prefetch: 100,
              publisher,
              log,
              isReplyQueue: (name) => !name.endsWith('.events'),
              answer: (message) => answer(JSON.parse(message.content.toString()), message),
              ...options,
            })
            try {
              await server.subscribed(AbortSignal.timeout(10_000))
              await work()
            } finally {
              await server.stop()
            }
          },
        })
      } finally {
        await caller.stop()
        await calling.close()
      }
    }),
  )

const double = async ({ n = 0 }: Record<string, number>) => ({ ok: true, twice: 2 * n })
const kindOf = ({ kind }: RpcOutcome) => kind

test(
  'each of many calls at once gets its own reply, in whatever order they come',
  onLine(async ({ call, serving, strays }) => {
    const held: (() => void)[] = []
    const backwards = async (body: Record<string, number>) => {
      await new Promise<void>((resolve) => {
        held.unshift(resolve)
        if (held.length === 40) for (const go of held) go()
      })
      return double(body)
    }
    await serving(backwards, async () => {
      const outcomes = await Promise.all(Array.from({ length: 40 }, (_, n) => call({ n })))
      assert.equal(
        outcomes.map((it) => (it.kind === 'reply' ? it.body.twice : it)),
        Array.from({ length: 40 }, (_, n) => 2 * n),
      )
    })
    assert.is(strays(), 0)
  }),
)

test(
  'a request whose caller gave up expires in the queue, and is not executed',
  onLine(async ({ call, serving, queue, bench }) => {
    const outcome = await call({ n: 1 }, 300)
    assert.equal([outcome.kind, 'reason' in outcome && outcome.reason], ['unknown', 'no reply within 300 ms'])
    await eventually(async () => (await bench.count(queue)) === 0)
    const executed: unknown[] = []
    const note = async (body: Record<string, number>) => {
      executed.push(body.n)
      return double(body)
    }
    await serving(note, async () => assert.is(kindOf(await call({ n: 2 })), 'reply'))
    assert.equal(executed, [2])
  }),
)

test(
  'a request that is already too late in the hands of the server is not executed either',
  onLine(async ({ call, serving, queue, bench }) => {
    let executed = 0
    let expired = 0
    const count = async (body: Record<string, number>) => {
      executed += 1
      return double(body)
    }
    const onExpired = () => {
      expired += 1
    }
    await serving(
      count,
      async () => {
        const headers = { [deadlineHeader]: Date.now() - 1 }
        const properties = { replyTo: 'reply.somewhere', correlationId: 'c', headers }
        bench.channel.sendToQueue(queue, Buffer.from('{"n":1}'), properties)
        await eventually(() => expired === 1)
        assert.is(kindOf(await call({ n: 2 })), 'reply')
      },
      { onExpired },
    )
    assert.is(executed, 1)
    assert.is(await bench.count(`${queue}.dead`), 0)
  }),
)

test(
  'what can be known to be not executed is told apart from what can not',
  onLine(async ({ call, caller, bench }) => {
    const nobody = await publishRpc(caller, {
      queue: 'no.such.queue',
      procedure: 'x',
      body: {},
      timeoutMs: 5_000,
    })
    assert.equal(nobody, { kind: 'unsent', reason: 'no queue takes the request' })
    assert.match(JSON.stringify(await call({ text: 'x'.repeat(300_000) })), /"unsent".*are allowed/)
    assert.match(JSON.stringify(await call(() => {})), /"unsent".*no JSON/)
    const nowhere = connectBroker({
      url: 'amqp://guest:guest@127.0.0.1:1',
      name: 'nowhere',
      log: createKeptLog(),
    })
    const lonely = openRpcCaller(nowhere, { log: bench.log })
    const request = { queue: 'q', procedure: 'x', body: {}, timeoutMs: 200 }
    assert.equal(await lonely.call(request), { kind: 'unsent', reason: 'not connected to the broker' })
    await lonely.stop()
    await nowhere.close()
  }),
)

test(
  'a request that nobody can be answered for is set aside with the reason',
  onLine(async ({ serving, call, queue, bench }) => {
    const wrong: [string, object][] = [
      ['rpc.no_return_address', {}],
      ['rpc.no_return_address', { replyTo: 'reply.me' }],
      ['rpc.no_return_address', { correlationId: 'c' }],
      ['rpc.return_address', { correlationId: 'c', replyTo: bench.queue }],
      // For these RabbitMQ 3.10 ends the connection of who answers.
      ...['a', '', 'g1h2AA==', 'g1h2AA5yZXBseUA3MTQwMzQyOAAADvwAAAABawSobHg='].map(
        (process): [string, object] => [
          'rpc.return_address',
          { correlationId: 'c', replyTo: `amq.rabbitmq.reply-to.${process}.key` },
        ],
      ),
    ]
    let executed = 0
    const count = async () => ({ ok: true, executed: ++executed })
    await serving(count, async () => {
      for (const [code, properties] of wrong) {
        bench.channel.sendToQueue(queue, Buffer.from('{"n":1}'), properties)
        const dead = await bench.take(`${queue}.dead`)
        assert.is(dead.properties.headers?.['x-reason-code'], code)
        assert.is(dead.content.toString(), '{"n":1}')
        assert.ok(dead.properties.headers?.['x-reason'])
      }
      assert.is(await bench.count(bench.queue), 0)
      // Addresses that lead nowhere, or mean nothing, hurt nobody.
      for (const replyTo of ['amq.rabbitmq.reply-to.made-up', 'amq.gen-gone', 'reply.gone'])
        bench.channel.sendToQueue(queue, Buffer.from('{}'), { replyTo, correlationId: 'c' })
      await eventually(() => executed === 3)
      assert.is(kindOf(await call({})), 'reply')
    })
    assert.is(await bench.count(`${queue}.dead`), 0)
  }),
)

test(
  'a foreign, a second and a late reply are ignored and counted',
  onLine(async ({ serving, call, strays, bench }) => {
    const reply = ({ properties }: ConsumeMessage, correlationId: string | undefined, twice: number) =>
      bench.publisher.publish({
        exchange: '',
        routingKey: properties.replyTo as string,
        body: { ok: true, twice },
        properties: correlationId === undefined ? {} : { correlationId },
        mandatory: false,
      })
    const late: ConsumeMessage[] = []
    const unruly = async ({ n = 0 }: Record<string, number>, message: ConsumeMessage) => {
      if (n === 0) {
        late.push(message)
        await eventually(() => late.length === 2, { withinMs: 5_000 })
      }
      await reply(message, 'foreign', -1)
      await reply(message, undefined, -2)
      await reply(message, message.properties.correlationId, 2 * n)
      return { ok: true, twice: -3 }
    }
    await serving(unruly, async () => {
      const first = await call({ n: 4 })
      assert.equal(first, { kind: 'reply', body: { ok: true, twice: 8 } })
      await eventually(() => strays() === 3)
      assert.is(kindOf(await call({ n: 0 }, 200)), 'unknown')
      late.push(late[0] as ConsumeMessage)
      await eventually(() => strays() === 7)
    })
  }),
)

test(
  'a reply that is no JSON object leaves the outcome unknown',
  onLine(async ({ call, queue, bench }) => {
    const { channel } = bench
    await channel.consume(
      queue,
      (message) => {
        const { replyTo, correlationId } = message?.properties ?? {}
        channel.sendToQueue(replyTo, Buffer.from('nonsense'), { correlationId })
      },
      { noAck: true },
    )
    assert.equal(await call({}), { kind: 'unknown', reason: 'reply: the body is not JSON' })
  }),
)

test(
  'a reply that is too large is logged by the one who could not send it',
  onLine(async ({ call, serving, bench }) => {
    const large = async () => ({ ok: true, text: 'x'.repeat(300_000) })
    await serving(large, async () => {
      assert.is(kindOf(await call({}, 500)), 'unknown')
      assert.ok(bench.log.lines.some((line) => /^reply not delivered .+262144 are allowed/.test(line)))
    })
  }),
)

test('calls in flight settle as unknown when the connection is lost, and later calls work', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, publisher, log, url }) => {
      const queue = `${broker.namespace}.double`
      await declareTopology(connection, requestQueue(queue))
      const calling = connectBroker({ url, name: 'bench call', log })
      const caller = openRpcCaller(calling, { log })
      const call = (timeoutMs: number) =>
        publishRpc(caller, { queue, procedure: 'double', body: {}, timeoutMs })
      try {
        const session = await calling.connected(AbortSignal.timeout(10_000))
        const waiting = Array.from({ length: 10 }, () => call(60_000))
        await eventually(
          async () => (await (await session.createChannel()).checkQueue(queue)).messageCount === 10,
        )
        const began = performance.now()
        session.drop('pulled the plug')
        for (const outcome of await Promise.all(waiting))
          assert.equal([outcome.kind, 'reason' in outcome], ['unknown', true])
        assert.ok(performance.now() - began < 10_000)
        const server = consumeRpc(connection, {
          queue,
          prefetch: 100,
          publisher,
          log,
          isReplyQueue: () => true,
          answer: async () => ({ ok: true }),
        })
        assert.equal(await call(30_000), { kind: 'reply', body: { ok: true } })
        await server.stop()
      } finally {
        await caller.stop()
        await calling.close()
      }
    }),
  ))

test('a channel that closes while it is made ready is not called on: the call waits for the next', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, publisher, log }) => {
      const queue = `${broker.namespace}.double`
      await declareTopology(connection, requestQueue(queue))
      const isReplyQueue = () => true
      const answer = async () => ({ ok: true })
      const server = consumeRpc(connection, { queue, prefetch: 1, publisher, log, isReplyQueue, answer })
      let channels = 0
      const createChannel = async (session: Session) => {
        const channel = await session.createChannel()
        channels += 1
        if (channels > 1) return channel
        const consume = channel.consume.bind(channel)
        return Object.assign(channel, {
          async consume(...call: Parameters<typeof consume>) {
            const ok = await consume(...call)
            await channel.close()
            return ok
          },
        })
      }
      const closingOnce: BrokerConnection = {
        ...connection,
        onConnected: (setup) =>
          connection.onConnected((session) =>
            setup({ ...session, createChannel: () => createChannel(session) }),
          ),
      }
      const caller = openRpcCaller(closingOnce, { log })
      await eventually(() => log.lines.some((line) => line.startsWith('channel closed')), { everyMs: 1 })
      const outcome = await publishRpc(caller, { queue, procedure: 'double', body: {}, timeoutMs: 10_000 })
      assert.equal(outcome, { kind: 'reply', body: { ok: true } })
      await caller.stop()
      await server.stop()
    }),
  ))

test.run()
