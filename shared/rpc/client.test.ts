import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../log/index.ts'
import type { RpcCaller, RpcOutcome } from '../messaging/index.ts'
import { eventually } from '../testing/index.ts'
import { createRpcClient, RpcFailed } from './client.ts'
import { deadlineIn } from './deadline.ts'

type Request = Parameters<RpcCaller['call']>[0]

const refund = { orderId: randomUUID(), userId: randomUUID() }
const check = { ...refund, amount: 5 }
const refunded: RpcOutcome = { kind: 'reply', body: { ok: true, refunded: 5 } }
const late: RpcOutcome = { kind: 'unknown', reason: 'no reply' }

/** A client over a caller that answers as it is told. */
const clientOf = (
  answer: (request: Request) => RpcOutcome | Promise<RpcOutcome>,
  halfOpenAfterMs = 150,
  pausesMs = [1, 1, 1],
) => {
  const requests: Request[] = []
  const caller: RpcCaller = {
    call: async (request) => {
      requests.push(request)
      return answer(request)
    },
    stop: async () => {},
  }
  const client = createRpcClient({
    caller,
    namespace: 't1',
    timeoutMs: 1_000,
    log: silentLog(),
    pausesMs,
    halfOpenAfterMs,
  })
  return { client, requests }
}

const failure = async (promise: Promise<unknown>): Promise<[string, string]> => {
  const error = await promise.then(
    () => assert.unreachable('must fail'),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, RpcFailed)
  return [(error as RpcFailed).certainty, (error as RpcFailed).code]
}

test('a call goes to the queue of its procedure, and answers the reply', async () => {
  const { client, requests } = clientOf(() => refunded)
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
  assert.equal(await client.call('user_refund', refund, { traceparent }), { ok: true, refunded: 5 })
  assert.equal(requests, [
    {
      queue: 't1.user_refund',
      procedure: 'user_refund',
      body: refund,
      timeoutMs: 1_000,
      headers: { traceparent },
    },
  ])
})

test('an error and a refusal are replies; a reply that is neither leaves the outcome unknown', async () => {
  const answers: RpcOutcome[] = [
    { kind: 'reply', body: { ok: false, reason: 'insufficient_balance' } },
    { kind: 'reply', body: { ok: false, error: { code: 'internal', message: 'no' } } },
    { kind: 'reply', body: { ok: true, balance: -1 } },
    { kind: 'reply', body: {} },
    { kind: 'unsent', reason: 'no queue' },
    late,
  ]
  const { client } = clientOf(() => answers.shift() as RpcOutcome)
  assert.equal(await client.call('user_check', check), { ok: false, reason: 'insufficient_balance' })
  assert.equal(await client.call('user_check', check), {
    ok: false,
    error: { code: 'internal', message: 'no' },
  })
  const failures: [string, string][] = []
  for (let n = 0; n < 4; n += 1) failures.push(await failure(client.call('user_check', check)))
  assert.equal(failures, [
    ['unknown', 'rpc.bad_reply'],
    ['unknown', 'rpc.bad_reply'],
    ['unsent', 'rpc.unreachable'],
    ['unknown', 'rpc.timeout'],
  ])
})

test('an inner call ends before the outer one: it gets four fifths of what is left', async () => {
  const { client, requests } = clientOf(() => refunded)
  const timeouts = async (leftMs: number) => {
    await client.call('user_refund', refund, { deadline: { leftMs: () => leftMs } })
    return requests.at(-1)?.timeoutMs
  }
  assert.is(await timeouts(500), 400)
  assert.is(await timeouts(60_000), 1_000)
  const none = { deadline: deadlineIn(0) }
  for (let n = 0; n < 9; n += 1)
    assert.equal(await failure(client.call('user_refund', refund, none)), ['unsent', 'rpc.no_time'])
  assert.is(requests.length, 2)
  assert.is(await timeouts(500), 400, 'callers that come too late say nothing of the service')
})

test('the circuit opens after five failures in a row, refuses at once, lets one through, and closes', async () => {
  let answer: () => RpcOutcome | Promise<RpcOutcome> = () => late
  const { client, requests } = clientOf(() => answer())
  const call = () => client.call('user_refund', refund)
  const refusedAtOnce = async () => {
    const before = requests.length
    assert.equal(await failure(call()), ['unsent', 'rpc.circuit_open'])
    assert.is(requests.length, before)
  }
  for (let n = 0; n < 4; n += 1) await failure(call())
  answer = () => refunded
  await call()
  answer = () => late
  for (let n = 0; n < 5; n += 1) assert.equal(await failure(call()), ['unknown', 'rpc.timeout'])
  for (let n = 0; n < 20; n += 1) await refusedAtOnce()
  answer = () => refunded
  assert.ok((await client.call('user_check', check).catch((error) => error)) instanceof RpcFailed)
  assert.is(requests.at(-1)?.procedure, 'user_check', 'each procedure has a circuit of its own')
  assert.ok((await client.call('user_refund', refund, { evenIfOpen: true })).ok, 'an undo is tried anyway')

  let reply = (_: RpcOutcome) => {}
  answer = () =>
    new Promise((resolve) => {
      reply = resolve
    })
  const sent = requests.length
  let trial: Promise<unknown> = Promise.resolve()
  await eventually(() => {
    trial = call()
    trial.catch(() => {})
    return requests.length > sent
  })
  await refusedAtOnce()
  reply(refunded)
  assert.equal(await trial, { ok: true, refunded: 5 })
  answer = () => refunded
  assert.ok((await call()).ok)
})

test('a trial that fails opens the circuit again', async () => {
  const { client, requests } = clientOf(() => late, 20)
  const call = () => failure(client.call('user_refund', refund))
  for (let n = 0; n < 5; n += 1) await call()
  await eventually(async () => (await call())[1] === 'rpc.timeout')
  assert.is(requests.length, 6)
  assert.equal(await call(), ['unsent', 'rpc.circuit_open'])
})

test('what is insisted on is tried again until it is done, or given up', async () => {
  const answers: RpcOutcome[] = [late, late, refunded]
  const { client, requests } = clientOf(() => answers.shift() ?? late)
  const work = async () => (await client.call('user_refund', refund, { evenIfOpen: true })).ok
  client.insist('refund', work)
  await eventually(() => requests.length === 3)
  await client.stop()
  assert.is(requests.length, 3)

  const dead = clientOf(() => late)
  dead.client.insist('refund', async () => (await dead.client.call('user_refund', refund)).ok)
  await eventually(() => dead.requests.length === 4)
  await dead.client.stop()
  assert.is(dead.requests.length, 4)
})

test('what is not done when the client stops is tried once more at once, and waited for', async () => {
  const { client, requests } = clientOf(() => (requests.length === 1 ? late : refunded), 150, [60_000])
  client.insist('refund', async () => (await client.call('user_refund', refund)).ok)
  await eventually(() => requests.length === 1)
  await client.stop()
  assert.is(requests.length, 2)
})

test.run()
