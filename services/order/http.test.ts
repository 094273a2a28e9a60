import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, OrderBody } from '../../shared/contracts/index.ts'
import { type Answered, type Call, eventually, withDatabase, withHttp } from '../../shared/testing/index.ts'
import { openOrderDatabase } from './database.ts'
import { orderRoutes } from './http.ts'
import { selectHistory } from './statements.ts'
import { type Served, served } from './testing.ts'
import { watchOrders } from './watch.ts'

interface List {
  items: OrderBody[]
  nextCursor: string | null
}
interface Problem {
  status: number
  code: string
  errors?: { pointer: string; message: string }[]
}

const unknown = '01900000-0000-7000-8000-000000000000'
const nil = '00000000-0000-0000-0000-000000000000'
const lamp = '01900000-0000-7000-8000-00000000000a'
const desk = '01900000-0000-7000-8000-00000000000b'
const user = (n: number) => `01900000-0000-7000-8000-c0000000000${n}`
const line = (productId: string, quantity: number) => ({ productId, quantity })
const body = (userId = user(1)) => ({ userId, items: [line(lamp, 2), line(desk, 1)] })

const place = async (call: Call, userId?: string) =>
  (await call<OrderBody>('POST', '/orders', body(userId))).body
const paid = (orderId: string): DomainEvent<'BalanceDebited'> => ({
  type: 'BalanceDebited',
  data: {
    orderId,
    userId: user(1),
    amount: 5600,
    items: [
      { ...line(lamp, 2), unitPrice: 300 },
      { ...line(desk, 1), unitPrice: 5000 },
    ],
  },
})
const rejected = (orderId: string): DomainEvent<'StockRejected'> => ({
  type: 'StockRejected',
  data: { orderId, reason: 'out_of_stock' },
})
const count = async ({ database }: Served, table: string) => {
  const rows = await database.client.$queryRawUnsafe<{ n: number }[]>(
    `select count(*)::int as n from ${table}`,
  )
  return rows[0]?.n
}

test(
  'an order is placed, read, and shows its prices once it is paid',
  served(async ({ call, ask }) => {
    const placed = await call<OrderBody>('POST', '/orders', body())
    assert.is(placed.status, 202)
    const { id, createdAt, updatedAt, ...rest } = placed.body
    assert.equal(rest, {
      userId: user(1),
      status: 'PROCESSING',
      reason: null,
      mode: 'choreography',
      items: [
        { ...line(lamp, 2), unitPrice: null },
        { ...line(desk, 1), unitPrice: null },
      ],
      total: null,
    })
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    for (const time of [createdAt, updatedAt]) assert.is(new Date(time).toISOString(), time)
    assert.is(placed.headers.get('location'), `/orders/${id}`)
    assert.is(placed.headers.get('preference-applied'), null)
    assert.is(placed.headers.get('idempotency-replayed'), null)
    assert.equal((await call('GET', `/orders/${id}`)).body, placed.body)
    assert.equal((await call('GET', `/orders/${id.toUpperCase()}`)).body, placed.body)

    await ask(paid(id))
    const read = await call<OrderBody>('GET', `/orders/${id}`)
    assert.equal(
      [read.status, read.body.status, read.body.total, read.body.items.map(({ unitPrice }) => unitPrice)],
      [200, 'SUCCESS', 5600, [300, 5000]],
    )
    assert.is(read.body.createdAt, createdAt)
  }),
)

test(
  'a client that would wait is answered 201 at the end, or 202 when its time is over',
  served(async ({ call, ask }) => {
    const orders = async () => (await call<List>('GET', '/orders')).body.items
    const posting = call<OrderBody>('POST', '/orders', body(), { Prefer: 'wait=20' })
    const id = (await eventually(async () => (await orders())[0])).id
    await ask(rejected(id))
    const settled = await posting
    assert.equal([settled.status, settled.body.status, settled.body.reason], [201, 'FAILED', 'out_of_stock'])
    assert.is(settled.headers.get('location'), `/orders/${id}`)
    assert.is(settled.headers.get('preference-applied'), 'wait')
    for (const prefer of ['wait=0', 'wait=1', 'respond-async, wait=0']) {
      const { status, headers } = await call('POST', '/orders', body(), { Prefer: prefer })
      assert.equal([status, headers.get('preference-applied')], [202, 'wait'], prefer)
    }
    for (const prefer of ['', 'wait', 'wait=x', 'wait=-1', 'return=minimal']) {
      const { status, headers } = await call('POST', '/orders', body(), { Prefer: prefer })
      assert.equal([status, headers.get('preference-applied')], [202, null], prefer)
    }
  }),
)

const lines = (quantity: unknown) => ({ userId: user(1), items: [{ productId: lamp, quantity }] })
const manyLines = (n: number) => ({
  userId: user(1),
  items: Array.from({ length: n }, (_, i) =>
    line(`01900000-0000-7000-8000-${String(i).padStart(12, '0')}`, 1),
  ),
})
const badQuantities = [undefined, null, 0, -1, 1.5, 2_147_483_648, '1', true, [1], {}, 1e300]
const badIds = [undefined, null, 5, 'x', '', `${lamp}0`, 'a\u0000b', [lamp], {}]
const badBodies = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '5',
  'true',
  '{}',
  '{"items":NaN}',
  '{"userId":"x",}',
  '// x\n{}',
]

test(
  'a bad order is refused with a pointer, and nothing is written',
  served(async (it) => {
    const bad: [unknown, string?][] = [
      ...badBodies.map((text) => [text] as [unknown]),
      [`\ufeff${JSON.stringify(body())}`],
      [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
      [{ ...body(), items: [] }, '/items'],
      [{ ...body(), items: {} }, '/items'],
      [manyLines(51), '/items'],
      [{ ...body(), items: [line(lamp, 1), line(lamp.toUpperCase(), 2)] }, '/items/1/productId'],
      ...badQuantities.map((quantity) => [lines(quantity), '/items/0/quantity'] as [unknown, string]),
      ...badIds.map((userId) => [{ ...body(), userId }, '/userId'] as [unknown, string]),
      ...badIds.map(
        (productId) =>
          [{ ...body(), items: [{ productId, quantity: 1 }] }, '/items/0/productId'] as [unknown, string],
      ),
      ...['price', 'status', 'id', 'total', 'createdAt', 'mode', 'foo', 'toString', 'hasOwnProperty'].map(
        (key) => [{ ...body(), [key]: 1 }, `/${key}`] as [unknown, string],
      ),
      [{ ...body(), items: [{ ...line(lamp, 1), price: 0 }] }, '/items/0/price'],
      [`{"__proto__":{"isAdmin":true},${JSON.stringify(body()).slice(1)}`, '/__proto__'],
    ]
    for (const [input, pointer] of bad) {
      const answer = await it.call<Problem>('POST', '/orders', input)
      const what = typeof input === 'string' ? input : JSON.stringify(input)?.slice(0, 120)
      assert.is(answer.status, 400, what)
      assert.is(answer.headers.get('content-type'), 'application/problem+json')
      if (pointer !== undefined) assert.is(answer.body.errors?.[0]?.pointer, pointer, what)
    }
    assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
    assert.is((await it.call('POST', '/orders', manyLines(100_000))).status, 413)
    for (const type of ['text/plain', 'application/xml', 'application/json; charset=utf-16'])
      assert.is((await it.call('POST', '/orders', body(), { 'Content-Type': type })).status, 415, type)
    for (const table of ['orders', 'order_items', 'idempotency_keys']) assert.is(await count(it, table), 0)
  }),
)

test(
  'a bad Idempotency-Key is refused',
  served(async (it) => {
    for (const key of ['', 'k'.repeat(256), 'a\tb', 'schl\u00fcssel']) {
      const answer = await it.call<Problem>('POST', '/orders', body(), { 'Idempotency-Key': key })
      assert.equal([answer.status, answer.body.errors?.[0]?.pointer], [400, '/headers/idempotency-key'], key)
    }
    assert.is(await count(it, 'orders'), 0)
    const longest = await it.call('POST', '/orders', body(), { 'Idempotency-Key': 'k'.repeat(255) })
    assert.is(longest.status, 202)
  }),
)

test(
  'whole numbers may be written as 1e3 or 1.0, the last of duplicate keys counts, and ids need not be known',
  served(async ({ call }) => {
    const written = `{"userId":"${nil}","items":[
      {"productId":"${nil}","quantity":1,"quantity":1e3},
      {"productId":"${lamp}","quantity":0.9999999999999999999},
      {"productId":"${desk}","quantity":2147483647.0}]}`
    const { status, body: order } = await call<OrderBody>('POST', '/orders', written)
    assert.is(status, 202)
    assert.equal(
      order.items.map(({ quantity }) => quantity),
      [1000, 1, 2_147_483_647],
    )
    assert.is((await call('POST', '/orders', manyLines(50))).status, 202)
  }),
)

test(
  'the list is newest first, in pages without gaps or repeats, of one user or status when asked',
  served(async ({ call, ask }) => {
    const ids: string[] = []
    for (let n = 0; n < 7; n += 1) ids.push((await place(call, user((n % 2) + 1))).id)
    await ask(paid(ids[0] as string))
    await ask(rejected(ids[1] as string))
    const through = async (query: string) => {
      const seen: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const path: string = `/orders?${query}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`
        const { status, body: list }: Answered<List> = await call<List>('GET', path)
        assert.is(status, 200)
        seen.push(...list.items.map(({ id }) => id))
        cursor = list.nextCursor
      }
      return seen.map((id) => ids.indexOf(id))
    }
    assert.equal(await through(''), [6, 5, 4, 3, 2, 1, 0])
    assert.equal(await through(`userId=${user(1).toUpperCase()}`), [6, 4, 2, 0])
    assert.equal(await through('status=PROCESSING'), [6, 5, 4, 3, 2])
    assert.equal(await through('status=SUCCESS'), [0])
    assert.equal(await through(`userId=${user(2)}&status=FAILED`), [1])
    assert.equal(await through(`userId=${unknown}`), [])
    const whole = await call<List>('GET', '/orders?limit=7')
    assert.equal([whole.body.items.length, whole.body.nextCursor], [7, null])
    assert.equal(whole.body.items[6], (await call('GET', `/orders/${ids[0]}`)).body)
  }),
)

test(
  'a list refuses what it does not know, and a limit or cursor it did not give',
  served(async ({ call }) => {
    const foreign = Buffer.from(JSON.stringify(['products', lamp])).toString('base64url')
    const bad = [
      ...['limit=0', 'limit=101', 'limit=x', 'limit=', 'cursor=', 'cursor=garbage', `cursor=${foreign}`],
      ...['foo=1', 'status=DONE', 'status=success', 'userId=x', `userId=${lamp}&userId=${desk}`],
    ]
    for (const query of bad) {
      const answer = await call<Problem>('GET', `/orders?${query}`)
      assert.is(answer.status, 400, query)
      assert.match(answer.body.errors?.[0]?.pointer ?? '', /^\/query\//, query)
    }
  }),
)

test(
  'an order is cancelled while it is PROCESSING, and only then',
  served(async ({ call, ask }) => {
    const [first, second] = [await place(call), await place(call)]
    const cancelled = await call<OrderBody>('POST', `/orders/${first.id}/cancel`)
    assert.equal(
      [cancelled.status, cancelled.body.status, cancelled.body.reason],
      [200, 'FAILED', 'cancelled'],
    )
    assert.equal((await call('GET', `/orders/${first.id}`)).body, cancelled.body)
    await ask(paid(second.id))
    for (const { id } of [first, second]) {
      const late = await call<Problem>('POST', `/orders/${id}/cancel`)
      assert.equal([late.status, late.body.code], [409, 'order.terminal'])
    }
    assert.equal((await call('GET', `/orders/${first.id}`)).body, cancelled.body)
    assert.is((await call<OrderBody>('GET', `/orders/${second.id}`)).body.status, 'SUCCESS')
  }),
)

test(
  'of many who cancel one order at once, one is told that it did',
  served(async ({ call }) => {
    const { id } = await place(call)
    const all = await Promise.all(Array.from({ length: 6 }, () => call('POST', `/orders/${id}/cancel`)))
    assert.equal(all.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409])
  }),
)

// Streams ------------------------------------------------------------------------------------------------------------

interface Change {
  id: number
  event: string
  data: { orderId: string; status: string; reason: string | null; at: string }
}
const changesIn = (stream: unknown): Change[] =>
  String(stream)
    .split('\n\n')
    .filter((block) => /^data:/m.test(block))
    .map((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
      return { id: Number(field('id')), event: field('event'), data: JSON.parse(field('data')) }
    })
const follow = (call: Call, id: string, lastEventId?: number | string) =>
  call<unknown>(
    'GET',
    `/orders/${id}/events`,
    undefined,
    lastEventId === undefined ? {} : { 'Last-Event-ID': String(lastEventId) },
  )
const unused = () => Promise.reject(new Error('not for this test'))
const statuses = (stream: unknown) => changesIn(stream).map(({ data }) => data.status)

test(
  'each status change is told as it happens, and the stream ends with the last',
  served(async ({ call, ask, elsewhere }) => {
    const [here, there] = [await place(call), await place(call)]
    const following = [follow(call, here.id), follow(call, here.id), follow(call, there.id)]
    await ask(rejected(here.id))
    await elsewhere(paid(there.id))
    const [one, two, other] = await Promise.all(following)
    assert.is(one?.status, 200)
    assert.match(one?.headers.get('content-type') ?? '', /^text\/event-stream/)
    const changes = changesIn(one?.body)
    assert.equal(
      changes.map(({ event, data: { orderId, status, reason } }) => [event, orderId, status, reason]),
      [
        ['status', here.id, 'PROCESSING', null],
        ['status', here.id, 'FAILED', 'out_of_stock'],
      ],
    )
    assert.ok((changes[0]?.id ?? 0) < (changes[1]?.id ?? 0))
    for (const { data } of changes) assert.is(new Date(data.at).toISOString(), data.at)
    assert.equal(changesIn(two?.body), changes)
    assert.equal(statuses(other?.body), ['PROCESSING', 'SUCCESS'])
  }),
)

test(
  'an order that has ended is told from the beginning, or from where the client was; after the end, not to come back',
  served(async ({ call, ask }) => {
    const { id } = await place(call)
    await ask(paid(id))
    const whole = changesIn((await follow(call, id)).body)
    assert.equal(
      whole.map(({ data }) => data.status),
      ['PROCESSING', 'SUCCESS'],
    )
    const [first, last] = whole.map((change) => change.id) as [number, number]
    assert.equal(statuses((await follow(call, id, first)).body), ['SUCCESS'])
    assert.equal(statuses((await follow(call, id, 0)).body), ['PROCESSING', 'SUCCESS'])
    for (const seen of [last, last + 1000]) {
      const { status, body: nothing } = await follow(call, id, seen)
      assert.equal([status, nothing], [204, null])
    }
  }),
)

test(
  'a client that resumes while the order is PROCESSING is told the end, also with an id it never got here',
  served(async ({ call, elsewhere, database: { client } }) => {
    const { id } = await place(call)
    const [first] = await selectHistory(client, [id])
    const watch = watchOrders((ids) => selectHistory(client, ids))
    let open = 0
    const changes: typeof watch.changes = (...args) => {
      open += 1
      return watch.changes(...args)
    }
    const doors = { place: unused, cancel: unused, watch: { ...watch, changes }, sql: client }
    await withHttp(orderRoutes(doors), async (callHere) => {
      const resuming = [first?.id, 999_999_999_999].map((seen) => follow(callHere, id, seen))
      await eventually(() => open === 2)
      await elsewhere(rejected(id))
      for (const { body: stream } of await Promise.all(resuming)) assert.equal(statuses(stream), ['FAILED'])
    })
  }),
)

test(
  'a bad Last-Event-ID is refused',
  served(async ({ call }) => {
    const { id } = await place(call)
    for (const bad of ['x', '-1', '1.5', '']) assert.is((await follow(call, id, bad)).status, 400, bad)
  }),
)

// Everywhere ---------------------------------------------------------------------------------------------------------

const routesOf = (id: string) =>
  [
    ['GET', `/orders/${id}`],
    ['POST', `/orders/${id}/cancel`],
    ['GET', `/orders/${id}/events`],
  ] as const

test(
  'unknown ids are 404, malformed ones 400, unknown query keys 400, other methods 405',
  served(async ({ call }) => {
    for (const id of [unknown, nil]) {
      for (const [method, path] of routesOf(id)) {
        const answer = await call<Problem>(method, path)
        assert.equal([answer.status, answer.body.code], [404, 'order.not_found'], `${method} ${path}`)
      }
    }
    for (const id of ['1', 'x', "'", '%00', 'a'.repeat(5_000)]) {
      for (const [method, path] of routesOf(id))
        assert.is((await call(method, path)).status, 400, `${method} ${path.slice(0, 40)}`)
    }
    const { id } = await place(call)
    for (const [method, path] of routesOf(id))
      assert.is((await call(method, `${path}?foo=1`)).status, 400, `${method} ${path}?foo=1`)
    assert.is((await call('POST', '/orders?foo=1', body())).status, 400)
    assert.is((await call<OrderBody>('GET', `/orders/${id}`)).body.status, 'PROCESSING')
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const answer = await call(method, '/orders', body())
      assert.is(answer.status, 405)
      assert.match(answer.headers.get('allow') ?? '', /GET.*POST|POST.*GET/)
    }
  }),
)

test("while the database can't be had, every route answers 503 and says when to come back", async () => {
  const url = 'postgres://nobody@127.0.0.1:1/none'
  const { client, transaction, close } = openOrderDatabase({ url, name: 'test', poolSize: 1 })
  const decide = () => transaction((tx) => tx.$queryRawUnsafe<never>('select 1'))
  const watch = watchOrders(async () => [])
  const routes = orderRoutes({ place: decide, cancel: decide, watch, sql: client })
  await withHttp(routes, async (call) => {
    for (const [method, path, sent] of [
      ['POST', '/orders', body()],
      ['GET', '/orders'],
      ...routesOf(unknown),
    ] as const) {
      const answer = await call<Problem>(method, path, sent)
      assert.equal([answer.status, answer.body.code], [503, 'database.unavailable'], `${method} ${path}`)
      assert.is(answer.headers.get('retry-after'), '1')
      assert.not.match(JSON.stringify(answer.body), /127\.0\.0\.1|postgres|nobody/i)
    }
  })
  await close()
})

test("another service's database is not ready to be this one's", () =>
  withDatabase('user', async ({ url }) => {
    const { ping, close } = openOrderDatabase({ url, name: 'test', poolSize: 1 })
    const thrown = await ping().catch((error) => error)
    assert.is(thrown?.code, 'database.unusable')
    await close()
  }))

test.run()
