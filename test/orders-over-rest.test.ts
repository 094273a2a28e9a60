// modes: choreography, rpc
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  getOrder,
  type OrderBody,
  place,
  readStream,
  type System,
  withSystem,
} from './system/index.ts'

interface Page {
  items: OrderBody[]
  nextCursor: string | null
}

const answersAndLocations = async (system: System, userId: string, productId: string) => {
  const items = [{ productId, quantity: 1 }]
  const waited = await place(system, userId, items, { Prefer: 'wait=20' })
  assert.equal([waited.status, waited.body.status], [201, 'SUCCESS'])
  assert.is(waited.headers['preference-applied'], 'wait')
  const location = String(waited.headers.location)
  assert.is(location, `/orders/${waited.body.id}`)
  assert.equal((await system.order.get<OrderBody>(location)).body, waited.body)

  const placed = await place(system, userId, items)
  assert.ok([201, 202].includes(placed.status))
  assert.is(placed.status, placed.body.status === 'PROCESSING' ? 202 : 201)
  assert.is(placed.headers.location, `/orders/${placed.body.id}`)
  await eventually(async () => (await getOrder(system, placed.body.id)).status === 'SUCCESS')
  assert.is((await system.order.get(`/orders/${randomUUID()}`)).status, 404)

  for (const [owner, path, body] of [
    [system.product, '/products', { name: 'Cup', price: 5, stock: 5 }],
    [system.user, '/users', { name: 'Bo', email: 'bo@example.org', balance: 5 }],
  ] as const) {
    const made = await owner.post(path, body)
    assert.is(made.status, 201)
    assert.equal((await owner.get(String(made.headers.location))).body, made.body)
  }
}

const idempotency = async (system: System, userId: string, productId: string) => {
  const items = [{ productId, quantity: 1 }]
  const key = { 'Idempotency-Key': randomUUID() }
  const first = await place(system, userId, items, key)
  const again = await place(system, userId, items, key)
  assert.is(again.headers['idempotency-replayed'], 'true')
  assert.equal([again.status, again.body], [first.status, first.body])
  assert.is((await place(system, userId, [{ productId, quantity: 2 }], key)).status, 422)

  const waitKey = { 'Idempotency-Key': randomUUID(), Prefer: 'wait=20' }
  const waited = await place(system, userId, items, waitKey)
  const waitedAgain = await place(system, userId, items, waitKey)
  assert.equal([waitedAgain.status, waitedAgain.body], [201, waited.body])
}

const streams = async (system: System, userId: string, productId: string) => {
  const { body: order } = await place(system, userId, [{ productId, quantity: 1 }])
  const url = `${system.order.url}/orders/${order.id}/events`
  const { status, events } = await readStream(url, { Accept: 'text/event-stream' })
  assert.is(status, 200)
  const statuses = events.map(({ data }) => (JSON.parse(data) as OrderBody).status)
  assert.equal(statuses, ['PROCESSING', 'SUCCESS'])
  const [first, last] = events.map(({ id }) => String(id))
  const resumed = await readStream(url, { 'Last-Event-ID': String(first) })
  assert.equal(
    resumed.events.map(({ id }) => id),
    [last],
  )
  assert.equal((await readStream(url, { 'Last-Event-ID': String(last) })).events, [])
  assert.is((await readStream(`${system.order.url}/orders/${randomUUID()}/events`)).status, 404)
}

const pagesUnderInserts = async (system: System, userId: string, productId: string) => {
  const items = [{ productId, quantity: 1 }]
  const before: string[] = []
  for (let n = 0; n < 12; n += 1) before.push((await place(system, userId, items)).body.id)
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const query: string = `userId=${userId}&limit=5${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const { body }: { body: Page } = await system.order.get<Page>(`/orders?${query}`)
    seen.push(...body.items.map(({ id }) => id))
    cursor = body.nextCursor
    await place(system, userId, items)
  } while (cursor !== null)
  assert.is(new Set(seen).size, seen.length, 'no order is on two pages')
  assert.equal(
    before.filter((id) => !seen.includes(id)),
    [],
    'no order is left out',
  )
  assert.equal(seen, [...seen].sort().reverse(), 'newest first')
  const { body: failed } = await system.order.get<Page>('/orders?status=FAILED')
  assert.equal(failed.items, [])
}

const healthAndMetrics = async (system: System) => {
  for (const service of system.processes) {
    assert.is((await service.get('/livez')).status, 200)
    const ready = await service.get('/readyz')
    assert.equal([ready.status, ready.body.status], [200, 'ready'])
    assert.match((await service.get('/metrics')).text, /^outbox_pending 0$/m)
    const { body } = await service.get('/openapi.json')
    assert.match(String(body.openapi), /^3\./)
    assert.is((await service.get('/nowhere')).status, 404)
  }
}

test('orders over REST: answers, idempotency, streams and pages', () =>
  withSystem({}, async (system) => {
    const productId = await addProduct(system)
    const newUser = () => addUser(system)
    await answersAndLocations(system, await newUser(), productId)
    await idempotency(system, await newUser(), productId)
    await streams(system, await newUser(), productId)
    await pagesUnderInserts(system, await newUser(), productId)
    await checkInvariants(system)
    await healthAndMetrics(system)
  }))

test.run()
