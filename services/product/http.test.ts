import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  badBodies,
  badNames,
  type Call,
  hostileNames,
  react,
  withDatabase,
  withHttp,
} from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openProductDatabase, type ProductDatabase } from './database.ts'
import { productRoutes } from './http.ts'

const served = (use: (call: Call, database: ProductDatabase) => Promise<void>) => () =>
  withDatabase('product', async ({ url }) => {
    const database = openProductDatabase({ url, name: 'test', poolSize: 4 })
    try {
      await withHttp(productRoutes(database), (call) => use(call, database))
    } finally {
      await database.close()
    }
  })

interface Product {
  id: string
  name: string
  price: number
  stock: number
  createdAt: string
  updatedAt: string
}
interface Page {
  items: Product[]
  nextCursor: string | null
}
interface Problem {
  status: number
  code: string
  errors?: { pointer: string; message: string }[]
}

const unknown = '01900000-0000-7000-8000-000000000000'
const lamp = { name: 'Lamp', price: 1999, stock: 7 }
const create = async (call: Call, product: object = lamp) =>
  (await call<Product>('POST', '/products', product)).body
const count = async ({ client }: ProductDatabase, table: string) => {
  const rows = await client.$queryRawUnsafe<{ n: number }[]>(`select count(*)::int as n from ${table}`)
  return rows[0]?.n
}

test(
  'a product is created, read, changed, restocked and deleted',
  served(async (call) => {
    const created = await call<Product>('POST', '/products', lamp)
    assert.is(created.status, 201)
    const { id, createdAt, updatedAt, ...rest } = created.body
    assert.equal(rest, lamp)
    assert.is(created.headers.get('location'), `/products/${id}`)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    for (const time of [createdAt, updatedAt]) assert.is(new Date(time).toISOString(), time)

    const at = `/products/${id}`
    assert.equal((await call('GET', at)).body, created.body)
    assert.equal((await call('GET', at.toUpperCase().replace('PRODUCTS', 'products'))).body, created.body)

    const changed = await call<Product>('PATCH', at, { price: 2500 })
    assert.equal([changed.status, changed.body.name, changed.body.price], [200, 'Lamp', 2500])
    assert.ok(changed.body.updatedAt >= updatedAt)
    assert.is((await call<Product>('PATCH', at, { name: 'Desk lamp' })).body.name, 'Desk lamp')

    const restocked = await call<Product>('POST', `${at}/restock`, { quantity: 3 })
    assert.equal([restocked.status, restocked.body.stock], [200, 10])

    const deleted = await call('DELETE', at)
    assert.equal([deleted.status, deleted.body], [204, null])
    for (const [method, path, body] of [
      ['DELETE', at],
      ['GET', at],
      ['PATCH', at, { price: 1 }],
      ['POST', `${at}/restock`, { quantity: 1 }],
    ] as const) {
      const gone = await call<Problem>(method, path, body)
      assert.equal([gone.status, gone.body.code], [404, 'product.not_found'], `${method} ${path}`)
    }
  }),
)

test(
  'stock = opening + restocked - reserved, after deletion too',
  served(async (call, database) => {
    const { id } = await create(call)
    await call('POST', `/products/${id}/restock`, { quantity: 5 })
    const orderId = '01900000-0000-7000-8000-0000000000b1'
    const placed = {
      type: 'OrderPlaced',
      data: { orderId, userId: unknown, items: [{ productId: id, quantity: 4 }] },
    }
    await database.transaction((tx) => react(tx, choreography, [placed]))
    assert.is((await call<Product>('GET', `/products/${id}`)).body.stock, 8)
    await call('DELETE', `/products/${id}`)
    const rows = await database.client.$queryRawUnsafe(
      `select p.stock, p.opening_stock as opening, json_agg(m.kind::text || ' ' || m.quantity order by m.id) as moved
       from products p join stock_movements m on m.product_id = p.id group by p.id`,
    )
    assert.equal(rows, [{ stock: 8, opening: 7, moved: ['RESTOCK 5', 'RESERVE 4'] }])
  }),
)

test(
  'the largest values are kept exactly',
  served(async (call) => {
    const largest = { name: 'n'.repeat(200), price: 1_000_000_000_000, stock: 2_147_483_647 }
    const { id } = await create(call, largest)
    const { name, price, stock } = (await call<Product>('GET', `/products/${id}`)).body
    assert.equal({ name, price, stock }, largest)
    const refused = await call<Problem>('POST', `/products/${id}/restock`, { quantity: 1 })
    assert.equal([refused.status, refused.body.code], [422, 'product.stock_limit'])
    const free = await create(call, { name: 'x', price: 0, stock: 0 })
    assert.equal([free.price, free.stock], [0, 0])
    const room = await call<Product>('POST', `/products/${free.id}/restock`, { quantity: 2_147_483_647 })
    assert.is(room.body.stock, 2_147_483_647)
  }),
)

test(
  'the list is newest first, in pages without gaps or repeats, and without deleted ones',
  served(async (call) => {
    const ids: string[] = []
    for (let n = 0; n < 7; n += 1) ids.push((await create(call, { ...lamp, name: `Lamp ${n}` })).id)
    await call('DELETE', `/products/${ids[3]}`)
    const expected = ids.filter((_, n) => n !== 3).reverse()
    const seen: string[] = []
    let path: string | undefined = '/products?limit=4'
    while (path !== undefined) {
      const { status, body }: { status: number; body: Page } = await call<Page>('GET', path)
      assert.is(status, 200)
      seen.push(...body.items.map(({ id }) => id))
      // What is created between two pages is newer than the cursor, so the pages that follow are not disturbed.
      if (body.nextCursor !== null) await create(call)
      path = body.nextCursor === null ? undefined : `/products?limit=4&cursor=${body.nextCursor}`
    }
    assert.equal(seen, expected)
    const exact = await call<Page>('GET', '/products?limit=7')
    assert.equal([exact.body.items.length, exact.body.nextCursor], [7, null])
  }),
)

test(
  'a list refuses a limit or cursor it did not give',
  served(async (call) => {
    const bad = ['limit=0', 'limit=101', 'limit=x', 'cursor=', 'cursor=garbage', `cursor=${unknown}`, 'foo=1']
    for (const query of bad) {
      const { status, body } = await call<Problem>('GET', `/products?${query}`)
      assert.is(status, 400, query)
      assert.match(body.errors?.[0]?.pointer ?? '', /^\/query\//)
    }
  }),
)

const badPrices = [undefined, null, '1', true, [1], {}, -1, 1.5, 1_000_000_000_001, 2 ** 53]
const badStocks = [undefined, null, '1', true, [1], {}, -1, 0.5, 2_147_483_648]

test(
  'a bad product is refused with a pointer, and nothing is written',
  served(async (call, database) => {
    const bad: [unknown, string?][] = [
      ...badNames.map((name) => [{ ...lamp, name }, '/name'] as [unknown, string]),
      ...badPrices.map((price) => [{ ...lamp, price }, '/price'] as [unknown, string]),
      ...badStocks.map((stock) => [{ ...lamp, stock }, '/stock'] as [unknown, string]),
      ...['id', 'createdAt', 'deletedAt', 'openingStock', 'foo', 'toString'].map(
        (key) => [{ ...lamp, [key]: 1 }, `/${key}`] as [unknown, string],
      ),
      ['{"name":"x","price":1,"stock":1,"__proto__":{"isAdmin":true}}', '/__proto__'],
      ...badBodies.map((body) => [body] as [unknown]),
      ['\ufeff{"name":"x","price":1,"stock":1}'],
      [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ]
    for (const [body, pointer] of bad) {
      const answer = await call<Problem>('POST', '/products', body)
      const what = typeof body === 'string' ? body : JSON.stringify(body)?.slice(0, 80)
      assert.is(answer.status, 400, what)
      assert.is(answer.headers.get('content-type'), 'application/problem+json')
      if (pointer !== undefined) assert.is(answer.body.errors?.[0]?.pointer, pointer, what)
    }
    assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
    assert.is((await call('POST', '/products', { ...lamp, name: 'n'.repeat(70_000) })).status, 413)
    for (const type of ['text/plain', 'application/xml', 'application/json; charset=utf-16']) {
      assert.is((await call('POST', '/products', lamp, { 'Content-Type': type })).status, 415, type)
    }
    assert.is(await count(database, 'products'), 0)
  }),
)

test(
  'a bad change or restock is refused, and nothing is changed',
  served(async (call, database) => {
    const product = await create(call)
    const at = `/products/${product.id}`
    const bad: [string, string, unknown][] = [
      ['PATCH', at, {}],
      ['PATCH', at, { stock: 1 }],
      ['PATCH', at, { name: 'x', stock: 1 }],
      ...badNames
        .filter((it) => it !== undefined)
        .map((name) => ['PATCH', at, { name }] as [string, string, unknown]),
      ...badPrices
        .filter((it) => it !== undefined)
        .map((price) => ['PATCH', at, { price }] as [string, string, unknown]),
      ...[undefined, null, 0, -1, 1.5, '1', 2_147_483_648].map(
        (quantity) => ['POST', `${at}/restock`, { quantity }] as [string, string, unknown],
      ),
      ['POST', `${at}/restock`, { quantity: 1, stock: 1 }],
    ]
    for (const [method, path, body] of bad) {
      assert.is(
        (await call(method, path, body)).status,
        400,
        `${method} ${JSON.stringify(body).slice(0, 80)}`,
      )
    }
    assert.equal((await call('GET', at)).body, product)
    assert.is(await count(database, 'stock_movements'), 0)
  }),
)

test(
  'hostile text is kept as it is: quotes, markup, lookups, right-to-left and zero-width characters',
  served(async (call, database) => {
    for (const name of hostileNames) {
      const { id } = await create(call, { ...lamp, name })
      assert.is((await call<Product>('GET', `/products/${id}`)).body.name, name)
    }
    assert.is(await count(database, 'products'), hostileNames.length)
  }),
)

test(
  'whole numbers may be written as 1e3 or 1.0, and of duplicate keys the last counts',
  served(async (call) => {
    const written = '{"name":"x","price":1e3,"stock":2.0,"stock":3}'
    const { status, body } = await call<Product>('POST', '/products', written)
    assert.equal([status, body.price, body.stock], [201, 1000, 3])
  }),
)

test(
  'unknown ids are 404, malformed ones 400, other methods 405',
  served(async (call) => {
    for (const id of [unknown, '00000000-0000-0000-0000-000000000000']) {
      assert.is((await call('GET', `/products/${id}`)).status, 404)
      assert.is((await call('DELETE', `/products/${id}`)).status, 404)
      assert.is((await call('PATCH', `/products/${id}`, { price: 1 })).status, 404)
      assert.is((await call('POST', `/products/${id}/restock`, { quantity: 1 })).status, 404)
    }
    for (const id of ['1', 'x', "'", '%00', 'a'.repeat(5_000)]) {
      assert.is((await call('GET', `/products/${id}`)).status, 400, id.slice(0, 20))
    }
    const put = await call('PUT', '/products', lamp)
    assert.is(put.status, 405)
    assert.match(put.headers.get('allow') ?? '', /GET/)
  }),
)

test("while the database can't be had, every route answers 503 and says when to come back", async () => {
  const database = openProductDatabase({
    url: 'postgres://nobody@127.0.0.1:1/none',
    name: 'test',
    poolSize: 1,
  })
  await withHttp(productRoutes(database), async (call) => {
    for (const [method, path, body] of [
      ['GET', '/products'],
      ['GET', `/products/${unknown}`],
      ['POST', '/products', lamp],
      ['POST', `/products/${unknown}/restock`, { quantity: 1 }],
      ['DELETE', `/products/${unknown}`],
    ] as const) {
      const answer = await call<Problem>(method, path, body)
      assert.equal([answer.status, answer.body.code], [503, 'database.unavailable'], `${method} ${path}`)
      assert.is(answer.headers.get('retry-after'), '1')
      assert.not.match(JSON.stringify(answer.body), /127\.0\.0\.1|postgres|nobody/i)
    }
  })
  await database.close()
})

test("another service's database is not ready to be this one's", () =>
  withDatabase('order', async ({ url }) => {
    const { ping, close } = openProductDatabase({ url, name: 'test', poolSize: 1 })
    const thrown = await ping().catch((error) => error)
    assert.is(thrown?.code, 'database.unusable')
    await close()
  }))

test.run()
