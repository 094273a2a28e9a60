import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Refused, Unavailable } from '../failure/index.ts'
import { silentLog } from '../log/index.ts'
import {
  connectBroker,
  declareTopology,
  inNamespace,
  openPublisher,
  openRpcCaller,
  type RpcOutcome,
  requestQueue,
} from '../messaging/index.ts'
import { eventually, withBroker } from '../testing/index.ts'
import { createRpcClient } from './client.ts'
import { isOwnQueue } from './own-queues.ts'
import { type Call, procedure, serveProcedure } from './server.ts'

const refund = { orderId: randomUUID(), userId: randomUUID() }

/** `user_refund` served on a broker by `run`; `ask` sends what it likes, `call` is the typed client. */
const serving = (
  run: (call: Call) => Promise<number>,
  use: (parts: {
    ask(body: unknown, type?: string): Promise<RpcOutcome>
    client: ReturnType<typeof createRpcClient>
    counted: string[]
  }) => Promise<void>,
) =>
  withBroker(async ({ url, namespace }) => {
    const log = silentLog()
    const connection = connectBroker({ url, name: 'test', log })
    const publisher = openPublisher(connection, { log, exchanges: [] })
    const caller = openRpcCaller(connection, { log })
    const queue = inNamespace(namespace, 'user_refund')
    const topology = requestQueue(queue)
    await declareTopology(connection, topology)
    const counted: string[] = []
    const served = procedure('user_refund', async (_, call) => ({ ok: true, refunded: await run(call) }))
    const server = serveProcedure(connection, served, {
      publisher,
      namespace,
      prefetch: 10,
      timeoutMs: 1_000,
      redeclare: () => declareTopology(connection, topology),
      log,
      observer: {
        served: (name, ok) => void counted.push(`${name} ${ok}`),
        expired: (name) => void counted.push(`${name} expired`),
      },
    })
    const client = createRpcClient({ caller, namespace, timeoutMs: 10_000, log })
    try {
      await server.subscribed(AbortSignal.timeout(10_000))
      await use({
        client,
        counted,
        ask: (body, type = 'user_refund') => caller.call({ queue, procedure: type, body, timeoutMs: 10_000 }),
      })
    } finally {
      await server.stop()
      await client.stop()
      await caller.stop()
      await publisher.close()
      await connection.close()
    }
  })

const codeOf = (outcome: RpcOutcome) => {
  if (outcome.kind !== 'reply') return outcome
  assert.is(outcome.body.ok, false)
  const { code, message } = outcome.body.error as { code: string; message: string }
  assert.type(message, 'string')
  return code
}

test('a wrong request is answered with a typed error, and nothing is run', () => {
  let runs = 0
  return serving(
    async () => ++runs,
    async ({ ask, counted }) => {
      assert.is(codeOf(await ask(refund, 'user_delete')), 'rpc.unknown_procedure')
      assert.is(codeOf(await ask({ orderId: refund.orderId })), 'rpc.invalid')
      assert.is(codeOf(await ask({ ...refund, more: 1 })), 'rpc.invalid')
      assert.is(codeOf(await ask({ ...refund, userId: 'me' })), 'rpc.invalid')
      assert.is(codeOf(await ask(Buffer.from('{"orderId":'))), 'body.not_json')
      assert.is(codeOf(await ask([])), 'body.not_an_object')
      assert.is(runs, 0)
      assert.equal(new Set(counted), new Set(['user_refund false']))
      assert.equal(await ask(refund), { kind: 'reply', body: { ok: true, refunded: 1 } })
      assert.is(counted.at(-1), 'user_refund true')
    },
  )
})

test('what a procedure throws is answered by its kind, without internals', () => {
  const thrown: [unknown, string][] = [
    [new Refused('conflict', 'not so', { code: 'order.terminal' }), 'order.terminal'],
    [
      new Unavailable('postgres://u:secret@h is gone', { code: 'database.unavailable' }),
      'database.unavailable',
    ],
    [new Error('secret'), 'internal'],
  ]
  let next: unknown
  return serving(
    async () => {
      throw next
    },
    async ({ client }) => {
      for (const [error, code] of thrown) {
        next = error
        const reply = await client.call('user_refund', refund)
        assert.is('error' in reply && reply.error.code, code)
        assert.not.match(JSON.stringify(reply), /secret/)
      }
    },
  )
})

test('a procedure knows how long its caller waits, at most as long as the server works on anything', () => {
  const left: number[] = []
  return serving(
    async ({ deadline }) => left.push(deadline.leftMs()),
    async ({ client, ask }) => {
      await client.call('user_refund', refund, { deadline: { leftMs: () => 800 } })
      await ask(refund)
      await eventually(() => left.length === 2)
      assert.ok((left[0] as number) <= 640 && (left[0] as number) > 0, `${left[0]}`)
      assert.ok((left[1] as number) <= 1_000 && (left[1] as number) > 640, `${left[1]}`)
    },
  )
})

test('replies go to no queue that a service works on, in any namespace', () => {
  const own = ['order.events', 'user_check', 'order.create', 't1.product.events', 'order.events.dead']
  for (const name of [...own, 't1.payment.process.retry.2', 'a.b.user_refund.dead'])
    assert.ok(isOwnQueue(name), name)
  for (const name of ['amq.gen-x', 'amq.rabbitmq.reply-to.x', 'my-replies', 'reply.order', 'events'])
    assert.not(isOwnQueue(name), name)
})

test.run()
