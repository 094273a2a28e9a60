import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonOf, withDemo } from './testing.ts'

const user = '0198a000-0000-7000-8000-000000000001'
const product = '0198a000-0000-7000-8000-000000000002'
const order = (change: object = {}) =>
  JSON.stringify({ userId: user, items: [{ productId: product, quantity: 1 }], ...change })
const item = (text: string) => `{"userId":"${user}","items":[{"productId":"${product}",${text}}]}`
const listed = (count: number) =>
  order({ items: Array.from({ length: count }, () => ({ productId: product, quantity: 1 })) })

interface Row {
  what: string
  body: string | Buffer
  status: number
  pointer?: string
}

const rows: Row[] = [
  { what: 'B1 empty', body: '', status: 400, pointer: '' },
  { what: 'B2 broken', body: '{', status: 400, pointer: '' },
  ...['null', '[]', '"x"', '5', 'true'].map((body) => ({
    what: `B3 ${body}`,
    body,
    status: 400,
    pointer: '',
  })),
  { what: 'B4 {}', body: '{}', status: 400, pointer: '/userId' },
  { what: 'B5 no items', body: order({ items: [] }), status: 400, pointer: '/items' },
  { what: 'B6 51 items', body: listed(51), status: 400, pointer: '/items' },
  { what: 'B6 100,000 items', body: listed(100_000), status: 413 },
  { what: 'B7 same product twice', body: listed(2), status: 400, pointer: '/items/1/productId' },
  ...['0', '-1', '1.5', '2147483648', '"1"', 'true', '[1]', '{}', 'null', '1e400', '9007199254740993'].map(
    (quantity) => ({
      what: `B8-B18 ${quantity}`,
      body: item(`"quantity":${quantity}`),
      status: 400,
      pointer: '/items/0/quantity',
    }),
  ),
  ...['1e3', '1.0', '0.9999999999999999999'].map((quantity) => ({
    what: `B12, B13 ${quantity} is a whole number by the time it is parsed`,
    body: item(`"quantity":${quantity}`),
    status: 202,
  })),
  { what: 'B19 NaN', body: item('"quantity":NaN'), status: 400, pointer: '' },
  { what: 'B22 no uuid', body: order({ userId: 'x' }), status: 400, pointer: '/userId' },
  {
    what: 'B24 nil uuid is well-formed',
    body: order({ userId: '00000000-0000-0000-0000-000000000000' }),
    status: 202,
  },
  {
    what: 'B26 price of a line',
    body: item('"quantity":1,"price":0'),
    status: 400,
    pointer: '/items/0/price',
  },
  ...['status', 'id', 'total', 'createdAt', 'foo', 'toString', 'hasOwnProperty', 'constructor'].map(
    (key) => ({
      what: `B27, B30, B40 ${key}`,
      body: order({ [key]: 'SUCCESS' }),
      status: 400,
      pointer: `/${key}`,
    }),
  ),
  {
    what: 'B28 __proto__',
    body: `{"__proto__":{"isAdmin":true},${order().slice(1)}`,
    status: 400,
    pointer: '/__proto__',
  },
  {
    what: 'B28 nested',
    body: item('"quantity":1,"__proto__":{"isAdmin":true}'),
    status: 400,
    pointer: '/items/0/__proto__',
  },
  { what: 'a key with / and ~', body: order({ 'a/b~c': 1 }), status: 400, pointer: '/a~1b~0c' },
  { what: 'B31 duplicate keys: the last counts', body: item('"quantity":1,"quantity":999'), status: 202 },
  { what: 'B32 NUL', body: order({ userId: 'a\0b' }), status: 400, pointer: '/userId' },
  { what: 'lone surrogate', body: `{"userId":"\\ud800","items":[]}`, status: 400, pointer: '/userId' },
  { what: 'NUL in a key', body: `{"a\\u0000":1}`, status: 400, pointer: '/a\0' },
  { what: 'B39 BOM', body: `\ufeff${order()}`, status: 400, pointer: '' },
  { what: 'B39 trailing comma', body: `${order().slice(0, -1)},}`, status: 400, pointer: '' },
  { what: 'B39 comment', body: `/* a */${order()}`, status: 400, pointer: '' },
  { what: 'H3 64 KiB + 1', body: order().padEnd(65_537), status: 413 },
  { what: '64 KiB', body: order().padEnd(65_536), status: 202 },
  {
    what: 'H7 invalid UTF-8',
    body: Buffer.from([0x7b, 0x22, 0xff, 0xc0, 0x22, 0x7d]),
    status: 400,
    pointer: '',
  },
  {
    what: 'overlong UTF-8',
    body: Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x7d]),
    status: 400,
    pointer: '',
  },
  {
    what: 'deep nesting',
    body: `{"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    status: 400,
    pointer: '/userId',
  },
  { what: 'deep objects', body: `{"userId":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, status: 400 },
]

test('every bad body of an order is answered 4xx with a pointer, and nothing is placed', () =>
  withDemo(async ({ post, seen }) => {
    for (const { what, body, status, pointer } of rows) {
      const before = seen.orders.length
      const answer = await post('/orders', body)
      const text = await answer.text()
      assert.is(answer.status, status, `${what}: ${text}`)
      assert.is(seen.orders.length - before, status === 202 ? 1 : 0, what)
      if (status === 202) continue
      assert.is(answer.headers.get('content-type'), 'application/problem+json', what)
      const problem = JSON.parse(text)
      assert.is(problem.status, status)
      assert.is(problem.type, `urn:outbox-saga:problem:${problem.code}`)
      assert.type(problem.next, 'string', what)
      const pointers = (problem.errors ?? []).map((one: { pointer: string }) => one.pointer)
      if (pointer !== undefined) assert.ok(pointers.includes(pointer), `${what}: ${text}`)
      assert.not.match(text, /node_modules|\.ts:\d|\\n +at /)
    }
    assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
  }))

test('of duplicate keys the last is what the handler gets', () =>
  withDemo(async ({ post, seen }) => {
    await post('/orders', item('"quantity":1,"quantity":999'))
    assert.equal(seen.orders, [{ userId: user, items: [{ productId: product, quantity: 999 }] }])
  }))

test('text: what is stored is what was sent, or it is refused', () =>
  withDemo(async ({ post }) => {
    const kept = [
      "'; DROP TABLE orders;--",
      '$' + '{jndi:ldap://x}',
      '<script>',
      '\u202eabc\u200b',
      '👩‍👩‍👧',
      ' x ',
      'x'.repeat(200),
    ]
    for (const name of kept) {
      const answer = await post('/names', JSON.stringify({ name }))
      assert.is(answer.status, 201, name)
      assert.equal(await answer.json(), { name })
    }
    const refused = ['', ' ', '\u00a0', 'a\0b', 'a\nb', '\u001b[2J', 'x'.repeat(10_000), '\ud800', 'a\u007f']
    for (const name of refused) {
      const answer = await post('/names', JSON.stringify({ name }))
      assert.is(answer.status, 400, JSON.stringify(name))
    }
  }))

test('H7: invalid UTF-8 is refused, not repaired', () =>
  withDemo(async ({ post }) => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const body = Buffer.concat([Buffer.from('{"name":"a'), Buffer.from(bytes), Buffer.from('"}')])
      const answer = await post('/names', body)
      assert.is(answer.status, 400)
      assert.is((await jsonOf(answer)).code, 'body.not_utf8')
    }
  }))

test('H1, H2: only JSON in UTF-8, uncompressed', () =>
  withDemo(async ({ post, ask, seen }) => {
    const types = [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'application/jsonp',
      '',
    ]
    types.push(
      'application/json; charset=utf-16',
      'application/json; charset=latin1',
      'application/merge-patch+json',
    )
    for (const type of types)
      assert.is((await post('/orders', order(), { 'Content-Type': type })).status, 415, type)
    const bare = await ask('/orders', { method: 'POST', body: Buffer.from(order()) })
    assert.is(bare.status, 415)
    for (const encoding of ['gzip', 'br', 'identity, gzip']) {
      assert.is((await post('/orders', order(), { 'Content-Encoding': encoding })).status, 415, encoding)
    }
    assert.is(seen.orders.length, 0)
    for (const type of ['application/json;charset=UTF-8', 'Application/JSON ; charset="utf-8"']) {
      assert.is((await post('/orders', order(), { 'Content-Type': type })).status, 202, type)
    }
  }))

test('a body where none belongs is ignored, but limited', () =>
  withDemo(async ({ ask }) => {
    const cancel = (body: string) => ask(`/orders/${user}/cancel`, { method: 'POST', body })
    assert.is((await cancel('not json')).status, 204)
    assert.is((await cancel('x'.repeat(70_000))).status, 413)
  }))

test.run()
