// modes: choreography, rpc
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addProduct,
  addUser,
  checkInvariants,
  place,
  type System,
  snapshotOf,
  withSystem,
} from './system/index.ts'

interface Ids {
  userId: string
  productId: string
}
type Row = [name: string, statuses: number[], body: (ids: Ids) => unknown]

const item = (productId: string, quantity: unknown = 1) => ({ productId, quantity })
const raw =
  (quantity: string) =>
  ({ userId, productId }: Ids) =>
    `{"userId":"${userId}","items":[{"productId":"${productId}","quantity":${quantity}}]}`
const order = (change: (ids: Ids) => object) => (ids: Ids) => ({
  userId: ids.userId,
  items: [item(ids.productId)],
  ...change(ids),
})
const items = (make: (ids: Ids) => unknown) => order((ids) => ({ items: make(ids) }))
const prefixed = (bytes: string) => (ids: Ids) =>
  Buffer.concat([Buffer.from(bytes, 'hex'), Buffer.from(raw('1')(ids))])

/** Part B: whatever is posted, the answer names the fault and nothing happens. */
const refused: Row[] = [
  ['B1 empty body', [400], () => ''],
  ['B2 broken JSON', [400], () => '{'],
  ...['null', '[]', '"x"', '5', 'true'].map((it): Row => [`B3 ${it}`, [400], () => it]),
  ['B4 {}', [400], () => ({})],
  ['B5 no items', [400], items(() => [])],
  ['B6 51 items', [400], items(() => Array.from({ length: 51 }, () => item(randomUUID())))],
  ['B6 100,000 items', [413], items(() => Array.from({ length: 100_000 }, () => item(randomUUID())))],
  ['B7 same product twice', [400], items(({ productId }) => [item(productId), item(productId)])],
  ...['0', '-1', '1.5', '2147483648', '"1"', 'true', '[1]', '{}', 'null', 'NaN', '1e400', '-0.5', '9e15'].map(
    (it): Row => [`B8-B19 quantity ${it}`, [400], raw(it)],
  ),
  ['B22 product id', [400], items(() => [item('tea')])],
  ['B22 user id', [400], order(() => ({ userId: 'ada' }))],
  ['B26 price', [400], items(({ productId }) => [{ ...item(productId), price: 0 }])],
  ['B26 price of the order', [400], order(() => ({ price: 0 }))],
  ...['status', 'id', 'total', 'createdAt', 'mode', 'reason', 'foo'].map(
    (key): Row => [`B27, B40 ${key}`, [400], order(() => ({ [key]: 'SUCCESS' }))],
  ),
  ['B28 __proto__', [400], (ids) => raw('1')(ids).replace('{', '{"__proto__":{"isAdmin":true},')],
  ['B28 constructor', [400], (ids) => raw('1')(ids).replace('{', '{"constructor":{"prototype":{}},')],
  ['B30 toString', [400], (ids) => raw('1')(ids).replace('{', '{"toString":1,')],
  ['B30 hasOwnProperty', [400], (ids) => raw('1')(ids).replace('{', '{"hasOwnProperty":1,')],
  ['B32 NUL', [400], order(() => ({ userId: 'a\u0000b' }))],
  ['B35 long text', [400], order(() => ({ userId: 'x'.repeat(10_000) }))],
  ['B36 SQL', [400], order(() => ({ userId: "'; DROP TABLE orders;--" }))],
  ['B37 lookup', [400], order(() => ({ userId: '$'.concat('{jndi:ldap://x}') }))],
  ['B39 BOM', [400], prefixed('efbbbf')],
  ['B39 trailing comma', [400], (ids) => raw('1')(ids).replace(/}$/, ',}')],
  ['B39 comment', [400], (ids) => `${raw('1')(ids)} // please`],
  ['H7 invalid UTF-8', [400], prefixed('ff')],
  ['lone surrogate', [400], order(() => ({ userId: '\ud800' }))],
  ['deep nesting', [400], () => `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
]

const accepted: [name: string, status: 'SUCCESS' | 'FAILED', body: (ids: Ids) => unknown][] = [
  ['B12 0.9999999999999999999 is 1', 'SUCCESS', raw('0.9999999999999999999')],
  ['B13 1e3', 'SUCCESS', raw('1e3')],
  ['B13 1.0', 'SUCCESS', raw('1.0')],
  ['B20 beyond 2^53', 'FAILED', raw('2147483647')],
  ['B23 unknown product', 'FAILED', items(() => [item(randomUUID())])],
  ['B24 nil uuid', 'FAILED', items(() => [item('00000000-0000-0000-0000-000000000000')])],
  ['B31 duplicate keys: the last wins', 'SUCCESS', raw('1,"quantity":2')],
  [
    'upper case ids',
    'SUCCESS',
    ({ userId, productId }) => ({
      userId: userId.toUpperCase(),
      items: [item(productId.toUpperCase())],
    }),
  ],
]

const keys: [name: string, key: string][] = [
  ['K2 empty', ''],
  ['K2 256 characters', 'k'.repeat(256)],
  ['K2 control character', 'a\u0001b'],
  ['K2 unicode', 'schl\u00fcssel'],
]

const footprint = async (system: System) => {
  const { order, product, user } = await snapshotOf(system)
  const rows = [order.orders, order.outbox, product.movements, product.outbox, user.ledger, user.outbox]
  const [keysKept] = await system.sql('order', 'SELECT count(*)::int AS n FROM idempotency_keys')
  return [...rows.map(({ length }) => length), keysKept?.n, system.broker.wiretap.length]
}

const withShop = (use: (system: System, ids: Ids) => Promise<void>) =>
  withSystem({}, async (system) =>
    use(system, {
      userId: await addUser(system, 9_000_000),
      productId: await addProduct(system, 50_000, 50),
    }),
  )

/** A slow answer may be the machine's fault: it is asked for twice more. */
const promptly = async <Answer extends { ms: number }>(
  ask: () => Promise<Answer>,
  tries = 3,
): Promise<Answer> => {
  const answer = await ask()
  return answer.ms < 1_000 || tries === 1 ? answer : promptly(ask, tries - 1)
}

const looksLikeAProblem = (name: string, answer: Awaited<ReturnType<System['order']['post']>>) => {
  assert.match(String(answer.headers['content-type']), 'application/problem+json', name)
  assert.not.match(answer.text, /node_modules|\.ts:|at \w+ \(|prisma|postgres/i, `${name}: ${answer.text}`)
  assert.ok(answer.ms < 1_000, `${name}: ${answer.ms} ms`)
}

test('B and K: a bad request is refused within a second, and leaves no trace', () =>
  withShop(async (system, ids) => {
    const before = await footprint(system)
    for (const [name, statuses, body] of refused) {
      const sent = await promptly(() => system.order.post('/orders', body(ids))).catch(
        (error: NodeJS.ErrnoException) => error,
      )
      // Of a body far too large the connection may go before the answer is read.
      if (sent instanceof Error) {
        assert.ok(statuses.includes(413), `${name}: ${sent.message}`)
        continue
      }
      assert.ok(statuses.includes(sent.status), `${name}: ${sent.status} ${sent.text}`)
      looksLikeAProblem(name, sent)
    }
    for (const [name, key] of keys) {
      const items = [item(ids.productId) as { productId: string; quantity: number }]
      const answer = await place(system, ids.userId, items, { 'Idempotency-Key': key }).catch(String)
      // What is no header at all does not get past the client.
      if (typeof answer === 'string') continue
      assert.is(answer.status, 400, name)
      looksLikeAProblem(name, answer as never)
    }
    assert.is(({} as { isAdmin?: boolean }).isAdmin, undefined)
    assert.equal(await footprint(system), before)
    await checkInvariants(system)
  }))

test('B and K: what is odd and legal is taken by the written rule', () =>
  withShop(async (system, ids) => {
    for (const [name, status, body] of accepted) {
      const answer = await system.order.post('/orders', body(ids), { Prefer: 'wait=20' })
      assert.is(answer.status, 201, `${name}: ${answer.text}`)
      assert.is(answer.body.status, status, `${name}: ${answer.text}`)
    }
    const exact = await addProduct(system, 10, 3_000_000)
    const rich = await addUser(system, 10_000_000_000)
    const { body } = await place(system, rich, [{ productId: exact, quantity: 3 }], { Prefer: 'wait=20' })
    assert.equal([body.status, body.total], ['SUCCESS', 9_000_000], 'B21 beyond int32 with neighbours')

    const items = [{ productId: ids.productId, quantity: 1 }]
    const key = { 'Idempotency-Key': `k-${randomUUID()}` }
    assert.is((await system.order.post('/orders', {}, key)).status, 400)
    const first = await place(system, ids.userId, items, key)
    assert.is(first.headers['idempotency-replayed'], undefined, 'K7 a refused request uses no key')
    const again = await place(system, ids.userId, items, key)
    assert.equal([again.status, again.body], [first.status, first.body], 'K3')
    assert.is(again.headers['idempotency-replayed'], 'true', 'K3')
    const other = [{ productId: ids.productId, quantity: 2 }]
    assert.is((await place(system, ids.userId, other, key)).status, 422, 'K4')
    const stranger = await place(system, await addUser(system), items, key)
    assert.is.not(stranger.body.id, first.body.id, 'K6')
    assert.ok((await place(system, ids.userId, items)).status < 300, 'K1 the key is optional')
    await checkInvariants(system)
  }))

test.run()
