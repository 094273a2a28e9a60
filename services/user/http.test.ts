import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maxMoney } from '../../shared/contracts/index.ts'
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
import { openUserDatabase, type UserDatabase } from './database.ts'
import { userRoutes } from './http.ts'

const served = (use: (call: Call, database: UserDatabase) => Promise<void>) => () =>
  withDatabase('user', async ({ url }) => {
    const database = openUserDatabase({ url, name: 'test', poolSize: 4 })
    try {
      await withHttp(userRoutes(database), (call) => use(call, database))
    } finally {
      await database.close()
    }
  })

interface User {
  id: string
  name: string
  email: string
  balance: number
  createdAt: string
  updatedAt: string
}
interface Entry {
  id: string
  kind: string
  amount: number
  orderId: string | null
  createdAt: string
}
interface Page<Item> {
  items: Item[]
  nextCursor: string | null
}
interface Problem {
  status: number
  code: string
  errors?: { pointer: string; message: string }[]
}

const unknown = '01900000-0000-7000-8000-000000000000'
const ada = { name: 'Ada', email: 'ada@example.com', balance: 1000 }
const create = async (call: Call, user: object = ada) => (await call<User>('POST', '/users', user)).body
const count = async ({ client }: UserDatabase, table: string) => {
  const rows = await client.$queryRawUnsafe<{ n: number }[]>(`select count(*)::int as n from ${table}`)
  return rows[0]?.n
}
const orderId = '01900000-0000-7000-8000-0000000000b1'
const reserved = (userId: string, total: number) => ({
  type: 'StockReserved',
  data: { orderId, userId, total, items: [{ productId: unknown, quantity: 1, unitPrice: total }] },
})
const failed = (userId: string) => ({ type: 'OrderFailed', data: { orderId, userId, reason: 'expired' } })

test(
  'a user is registered, read, changed and deleted',
  served(async (call) => {
    const created = await call<User>('POST', '/users', ada)
    assert.is(created.status, 201)
    const { id, createdAt, updatedAt, ...rest } = created.body
    assert.equal(rest, ada)
    assert.is(created.headers.get('location'), `/users/${id}`)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    for (const time of [createdAt, updatedAt]) assert.is(new Date(time).toISOString(), time)
    assert.is((await create(call, { name: 'Bob', email: 'bob@example.com' })).balance, 0)

    const at = `/users/${id}`
    assert.equal((await call('GET', at)).body, created.body)
    const renamed = await call<User>('PATCH', at, { name: 'Ada L.' })
    assert.equal([renamed.status, renamed.body.name, renamed.body.email], [200, 'Ada L.', 'ada@example.com'])
    assert.is((await call<User>('PATCH', at, { email: 'al@example.com' })).body.email, 'al@example.com')

    const deleted = await call('DELETE', at)
    assert.equal([deleted.status, deleted.body], [204, null])
    for (const [method, path, body] of [
      ['DELETE', at],
      ['GET', at],
      ['PATCH', at, { name: 'x' }],
      ['POST', `${at}/deposits`, { amount: 1 }],
    ] as const) {
      const gone = await call<Problem>(method, path, body)
      assert.equal([gone.status, gone.body.code], [404, 'user.not_found'], `${method} ${path}`)
    }
  }),
)

test(
  'the ledger tells how the balance came about, newest first, after deletion too',
  served(async (call, database) => {
    const { id } = await create(call)
    const paid = await call<User>('POST', `/users/${id}/deposits`, { amount: 500 })
    assert.equal([paid.status, paid.body.balance], [201, 1500])
    assert.is(paid.headers.get('location'), `/users/${id}/ledger`)
    await database.transaction((tx) => react(tx, choreography, [reserved(id, 700)]))
    assert.is((await call<User>('GET', `/users/${id}`)).body.balance, 800)
    await database.transaction((tx) => react(tx, choreography, [failed(id)]))
    await call('DELETE', `/users/${id}`)
    const { status, body } = await call<Page<Entry>>('GET', `/users/${id}/ledger`)
    assert.is(status, 200)
    assert.equal(
      body.items.map(({ kind, amount, orderId: of }) => [kind, amount, of]),
      [
        ['REFUND', 700, orderId],
        ['DEBIT', 700, orderId],
        ['DEPOSIT', 500, null],
      ],
    )
    assert.equal(Object.keys(body.items[0] ?? {}).sort(), ['amount', 'createdAt', 'id', 'kind', 'orderId'])
    assert.is(body.nextCursor, null)
    assert.is((await call('GET', `/users/${unknown}/ledger`)).status, 404)
  }),
)

test(
  'the ledger comes in pages, and its cursor belongs to its user',
  served(async (call) => {
    const { id } = await create(call)
    const other = await create(call)
    for (let amount = 1; amount <= 5; amount += 1) await call('POST', `/users/${id}/deposits`, { amount })
    const first = await call<Page<Entry>>('GET', `/users/${id}/ledger?limit=3`)
    const second = await call<Page<Entry>>(
      'GET',
      `/users/${id}/ledger?limit=3&cursor=${first.body.nextCursor}`,
    )
    assert.equal(
      [...first.body.items, ...second.body.items].map(({ amount }) => amount),
      [5, 4, 3, 2, 1],
    )
    assert.is(second.body.nextCursor, null)
    for (const path of [`/users/${other.id}/ledger`, '/users']) {
      const foreign = await call<Problem>('GET', `${path}?cursor=${first.body.nextCursor}`)
      assert.equal([foreign.status, foreign.body.errors?.[0]?.pointer], [400, '/query/cursor'])
    }
  }),
)

test(
  'the largest balance is kept exactly, and cannot be passed, not even by a refund',
  served(async (call, database) => {
    const { id } = await create(call, { ...ada, balance: maxMoney - 1 })
    assert.is((await call<User>('POST', `/users/${id}/deposits`, { amount: 1 })).body.balance, maxMoney)
    await database.transaction((tx) => react(tx, choreography, [reserved(id, maxMoney)]))
    const refused = await call<Problem>('POST', `/users/${id}/deposits`, { amount: 1 })
    assert.equal([refused.status, refused.body.code], [422, 'user.balance_limit'])
    await database.transaction((tx) => react(tx, choreography, [failed(id)]))
    assert.is((await call<User>('GET', `/users/${id}`)).body.balance, maxMoney)
  }),
)

test(
  'deposits at once are all counted',
  served(async (call, database) => {
    const { id } = await create(call)
    const deposits = Array.from({ length: 20 }, () => call('POST', `/users/${id}/deposits`, { amount: 7 }))
    for (const { status } of await Promise.all(deposits)) assert.is(status, 201)
    assert.is((await call<User>('GET', `/users/${id}`)).body.balance, 1140)
    assert.is(await count(database, 'ledger'), 20)
  }),
)

test(
  'the list is newest first, in pages without gaps or repeats, and without deleted ones',
  served(async (call) => {
    const ids: string[] = []
    for (let n = 0; n < 7; n += 1) ids.push((await create(call, { ...ada, name: `Ada ${n}` })).id)
    await call('DELETE', `/users/${ids[3]}`)
    const seen: string[] = []
    let path: string | undefined = '/users?limit=4'
    while (path !== undefined) {
      const { body }: { body: Page<User> } = await call<Page<User>>('GET', path)
      seen.push(...body.items.map(({ id }) => id))
      path = body.nextCursor === null ? undefined : `/users?limit=4&cursor=${body.nextCursor}`
    }
    assert.equal(seen, ids.filter((_, n) => n !== 3).reverse())
    for (const query of ['limit=0', 'limit=101', 'cursor=garbage', `cursor=${unknown}`, 'foo=1']) {
      assert.is((await call('GET', `/users?${query}`)).status, 400, query)
    }
  }),
)

const badEmails = [
  undefined,
  null,
  5,
  [],
  '',
  'ada',
  'ada@',
  '@example.com',
  'a da@example.com',
  'ada@example.com\u0000',
  'ada@exa\u202emple.com',
  'ada@example.com\r\nBcc: x@example.com',
  `${'a'.repeat(250)}@example.com`,
  `ada@${'a'.repeat(10_000)}.com`,
]
const badBalances = [null, '1', true, [1], {}, -1, 1.5, 2 ** 53]

test(
  'a bad user is refused with a pointer, and nothing is written',
  served(async (call, database) => {
    const bad: [unknown, string?][] = [
      ...badNames.map((name) => [{ ...ada, name }, '/name'] as [unknown, string]),
      ...badEmails.map((email) => [{ ...ada, email }, '/email'] as [unknown, string]),
      ...badBalances.map((balance) => [{ ...ada, balance }, '/balance'] as [unknown, string]),
      ...['id', 'createdAt', 'openingBalance', 'isAdmin', 'hasOwnProperty'].map(
        (key) => [{ ...ada, [key]: 1 }, `/${key}`] as [unknown, string],
      ),
      ['{"name":"x","email":"x@example.com","__proto__":{"isAdmin":true}}', '/__proto__'],
      ...badBodies.map((body) => [body] as [unknown]),
    ]
    for (const [body, pointer] of bad) {
      const answer = await call<Problem>('POST', '/users', body)
      const what = typeof body === 'string' ? body : JSON.stringify(body)?.slice(0, 80)
      assert.is(answer.status, 400, what)
      assert.is(answer.headers.get('content-type'), 'application/problem+json')
      if (pointer !== undefined) assert.is(answer.body.errors?.[0]?.pointer, pointer, what)
    }
    assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
    assert.is(await count(database, 'users'), 0)
  }),
)

test(
  'a bad change or deposit is refused, and nothing is changed',
  served(async (call, database) => {
    const user = await create(call)
    const at = `/users/${user.id}`
    const bad: [string, string, unknown][] = [
      ['PATCH', at, {}],
      ['PATCH', at, { balance: 1 }],
      ['PATCH', at, { name: 'x', balance: 1 }],
      ...badNames
        .filter((it) => it !== undefined)
        .map((name) => ['PATCH', at, { name }] as [string, string, unknown]),
      ...badEmails
        .filter((it) => it !== undefined)
        .map((email) => ['PATCH', at, { email }] as [string, string, unknown]),
      ...[undefined, null, 0, -1, 1.5, '1', 2 ** 53].map(
        (amount) => ['POST', `${at}/deposits`, { amount }] as [string, string, unknown],
      ),
      ['POST', `${at}/deposits`, { amount: 1, kind: 'REFUND' }],
    ]
    for (const [method, path, body] of bad) {
      assert.is(
        (await call(method, path, body)).status,
        400,
        `${method} ${JSON.stringify(body).slice(0, 80)}`,
      )
    }
    assert.equal((await call('GET', at)).body, user)
    assert.is(await count(database, 'ledger'), 0)
  }),
)

test(
  'hostile text is kept as it is: quotes, markup, lookups, right-to-left and zero-width characters',
  served(async (call, database) => {
    for (const name of hostileNames) {
      const { id } = await create(call, { ...ada, name })
      assert.is((await call<User>('GET', `/users/${id}`)).body.name, name)
    }
    assert.is(await count(database, 'users'), hostileNames.length)
  }),
)

test(
  'unknown ids are 404, malformed ones 400',
  served(async (call) => {
    for (const id of [unknown, '00000000-0000-0000-0000-000000000000']) {
      assert.is((await call('GET', `/users/${id}`)).status, 404)
      assert.is((await call('DELETE', `/users/${id}`)).status, 404)
      assert.is((await call('PATCH', `/users/${id}`, { name: 'x' })).status, 404)
      assert.is((await call('POST', `/users/${id}/deposits`, { amount: 1 })).status, 404)
    }
    for (const id of ['1', "'", '%00', 'a'.repeat(5_000)]) {
      assert.is((await call('GET', `/users/${id}`)).status, 400, id.slice(0, 20))
      assert.is((await call('GET', `/users/${id}/ledger`)).status, 400, id.slice(0, 20))
    }
  }),
)

test("while the database can't be had, every route answers 503 and says when to come back", async () => {
  const database = openUserDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', name: 'test', poolSize: 1 })
  await withHttp(userRoutes(database), async (call) => {
    for (const [method, path, body] of [
      ['GET', '/users'],
      ['GET', `/users/${unknown}`],
      ['POST', '/users', ada],
      ['POST', `/users/${unknown}/deposits`, { amount: 1 }],
      ['DELETE', `/users/${unknown}`],
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
  withDatabase('product', async ({ url }) => {
    const { ping, close } = openUserDatabase({ url, name: 'test', poolSize: 1 })
    const thrown = await ping().catch((error) => error)
    assert.is(thrown?.code, 'database.unusable')
    await close()
  }))

test.run()
