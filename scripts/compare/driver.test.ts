import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createActors, drive } from './driver.ts'
import { createHttpClient } from './http-client.ts'
import { samplesOf } from './settle.ts'
import { planWorkload } from './workload.ts'

type Handler = (request: {
  url: string
  key: string
  body: string
}) => { status: number; body?: unknown; afterMs?: number } | 'hang' | 'reset'

/** A stand-in for the services: it answers as told, and remembers what it was sent. */
const withServer = async (handler: Handler, use: (url: string) => Promise<void>) => {
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const key = String(request.headers['idempotency-key'] ?? '')
      const answer = handler({ url: request.url ?? '', key, body })
      if (answer === 'hang') return
      if (answer === 'reset') return request.socket.destroy()
      setTimeout(() => {
        response.writeHead(answer.status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(answer.body ?? {}))
      }, answer.afterMs ?? 0)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const plan = planWorkload({ seed: 'driver', orders: 40, rate: 200, users: 3, products: 4 })
const actors = {
  userIds: plan.users.map((_, i) => `user-${i}`),
  productIds: plan.products.map((_, i) => `product-${i}`),
}

test('users and products are created as planned, and keep their places', () => {
  const bodies: string[] = []
  return withServer(
    ({ body }) => {
      bodies.push(body)
      return { status: 201, body: { id: `id of ${(JSON.parse(body) as { name: string }).name}` } }
    },
    async (url) => {
      const client = createHttpClient(1_000)
      const created = await createActors(plan, { order: url, product: url, user: url }, client)
      client.close()
      assert.is(bodies.length, plan.users.length + plan.products.length)
      assert.is(created.userIds[2], 'id of User 2')
      assert.is(created.productIds.at(-1), `id of Product ${plan.products.length - 1}`)
    },
  )
})

test('every order is sent once, as planned, under a key of its own, and what came back is kept', () => {
  const seen = new Map<string, { userId: string; items: unknown[] }>()
  return withServer(
    ({ key, body }) => {
      assert.not(seen.has(key))
      seen.set(key, JSON.parse(body) as { userId: string; items: unknown[] })
      return { status: 202, body: { id: `order ${key}` } }
    },
    async (url) => {
      const client = createHttpClient(2_000)
      const { sent, health } = await drive({ plan, created: actors, url, http: client, keyPrefix: 'k' })
      client.close()
      assert.is(seen.size, plan.orders.length)
      for (const [i, one] of sent.entries()) {
        assert.is(one.i, i)
        assert.is(one.orderId, `order k-${i}`)
        assert.is(one.status, 202)
        assert.ok(one.acceptedMs !== null && one.acceptedMs >= one.sentMs)
        assert.is(seen.get(`k-${i}`)?.userId, `user-${plan.orders[i]?.userIndex}`)
        assert.is(seen.get(`k-${i}`)?.items.length, plan.orders[i]?.items.length)
      }
      assert.ok(health.lateP99Ms >= 0)
    },
  )
})

test('open loop: a server that answers nothing holds back no order, and each is a time-out', () =>
  withServer(
    () => 'hang',
    async (url) => {
      const client = createHttpClient(400)
      const { sent } = await drive({ plan, created: actors, url, http: client, keyPrefix: 'k' })
      client.close()
      assert.ok(
        sent.every(
          ({ error, status, acceptedMs }) => error === 'timeout' && status === null && acceptedMs === null,
        ),
      )
      const last = sent.at(-1)
      assert.ok(last && last.sentMs < last.intendedMs + 2_000, 'the last did not wait for those before')
    },
  ))

test('errors are kept by their code, other answers by their status', () =>
  withServer(
    ({ key }) => (Number(key.split('-')[1]) % 2 === 0 ? 'reset' : { status: 503 }),
    async (url) => {
      const client = createHttpClient(1_000)
      const { sent } = await drive({ plan, created: actors, url, http: client, keyPrefix: 'k' })
      client.close()
      assert.ok(sent.every(({ i, error, status }) => (i % 2 === 0 ? error === 'ECONNRESET' : status === 503)))
    },
  ))

test('samples join what the client saw with what the database says, clock offset taken off', () => {
  const sent = plan.orders.map((order, i) => ({
    ...{
      i,
      intendedMs: order.atMs,
      sentMs: order.atMs + 1,
      acceptedMs: null,
      status: null,
      orderId: null,
      error: 'timeout',
    },
  }))
  const health = { lateP99Ms: 0, lateMaxMs: 0, eventLoopP99Ms: 0, eventLoopMaxMs: 0, lagging: false }
  const settled = new Map([
    ['k-0', { orderId: 'o-0', status: 'SUCCESS' as const, reason: null, at: 1_000_105 }],
    ['k-1', { orderId: 'o-1', status: 'PROCESSING' as const, reason: null, at: null }],
  ])
  const samples = samplesOf(plan, { startedAt: 1_000_000, sent, health }, settled, 'k', 5)
  assert.is(samples[0]?.settledMs, 100)
  assert.is(samples[0]?.orderId, 'o-0')
  assert.is(samples[1]?.outcome, 'PROCESSING')
  assert.is(samples[1]?.settledMs, null)
  assert.is(samples[2]?.outcome, 'absent')
})

test.run()
