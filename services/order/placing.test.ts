import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent } from '../../shared/contracts/index.ts'
import { type Call, eventually } from '../../shared/testing/index.ts'
import { type Served, served } from './testing.ts'

const user = (n: number) => `01900000-0000-7000-8000-c0000000000${n}`
const lamp = '01900000-0000-7000-8000-00000000000a'
const lamps = (quantity = 1, userId = user(1)) => ({ userId, items: [{ productId: lamp, quantity }] })

interface Order {
  id: string
  status: string
  reason: string | null
  total: number | null
  items: { unitPrice: number | null }[]
}

const post = (call: Call, key: string | undefined, body: object = lamps(), headers: object = {}) =>
  call<Order>('POST', '/orders', body, {
    ...(key === undefined ? {} : { 'Idempotency-Key': key }),
    ...headers,
  })
const waiting = (seconds: number) => ({ Prefer: `wait=${seconds}` })
const replayed = ({ headers }: { headers: Headers }) => headers.get('idempotency-replayed')

const paid = (orderId: string): DomainEvent<'BalanceDebited'> => ({
  type: 'BalanceDebited',
  data: {
    orderId,
    userId: user(1),
    amount: 300,
    items: [{ productId: lamp, quantity: 1, unitPrice: 300 }],
  },
})
const rejected = (orderId: string): DomainEvent<'StockRejected'> => ({
  type: 'StockRejected',
  data: { orderId, reason: 'out_of_stock' },
})

const ordersIn = async ({ database }: Pick<Served, 'database'>) => {
  const rows = await database.client.$queryRawUnsafe<{ id: string }[]>('select id from orders order by id')
  return rows.map(({ id }) => id)
}
/** The one order there is, once it is there. */
const onlyOrder = (it: Served) => eventually(async () => (await ordersIn(it))[0])

test(
  'a replay tells what the first was told, also once the order is terminal',
  served(async (it) => {
    const first = await post(it.call, 'k')
    assert.equal([first.status, replayed(first)], [202, null])
    const again = await post(it.call, 'k')
    assert.equal([again.status, replayed(again), again.body], [202, 'true', first.body])
    await it.ask(paid(first.body.id))
    const late = await post(it.call, 'k')
    assert.equal([late.status, replayed(late), late.body], [202, 'true', first.body])
    assert.is(late.headers.get('location'), `/orders/${first.body.id}`)
    assert.equal(await ordersIn(it), [first.body.id])
  }),
)

test(
  'who waited was told the end, and a replay tells it again, letter for letter',
  served(async (it) => {
    const posting = post(it.call, 'k', lamps(), waiting(20))
    const id = await onlyOrder(it)
    await it.ask(paid(id))
    const first = await posting
    assert.equal([first.status, first.body.status, first.body.total], [201, 'SUCCESS', 300])
    assert.is(first.body.items[0]?.unitPrice, 300)
    assert.is(first.headers.get('preference-applied'), 'wait')
    for (const headers of [{}, waiting(1)]) {
      const again = await post(it.call, 'k', lamps(), headers)
      assert.equal([again.status, replayed(again)], [201, 'true'])
      assert.is(JSON.stringify(again.body), JSON.stringify(first.body))
    }
  }),
)

test(
  'a replay that waits learns the end, and from then on everyone is told it',
  served(async (it) => {
    const first = await post(it.call, 'k')
    await it.ask(rejected(first.body.id))
    const waited = await post(it.call, 'k', lamps(), waiting(20))
    assert.equal([waited.status, waited.body.status, waited.body.reason], [201, 'FAILED', 'out_of_stock'])
    assert.is(replayed(waited), 'true')
    const again = await post(it.call, 'k')
    assert.equal([again.status, again.body], [201, waited.body])
  }),
)

test(
  'who waited in vain was told 202, and a replay too',
  served(async (it) => {
    const first = await post(it.call, 'k', lamps(), waiting(1))
    assert.equal([first.status, first.body.status], [202, 'PROCESSING'])
    assert.is(first.headers.get('preference-applied'), 'wait')
    const again = await post(it.call, 'k')
    assert.equal([again.status, again.body], [202, first.body])
  }),
)

test(
  'an order settled by another process ends the wait too',
  served(async (it) => {
    const posting = post(it.call, undefined, lamps(), waiting(20))
    await it.elsewhere(rejected(await onlyOrder(it)))
    assert.equal(((it) => [it.status, it.body.status])(await posting), [201, 'FAILED'])
  }),
)

test(
  'the same key of another user is another key, and tells nothing of the first',
  served(async (it) => {
    const first = await post(it.call, 'k')
    const other = await post(it.call, 'k', lamps(5, user(2)))
    assert.equal([other.status, replayed(other)], [202, null])
    assert.is.not(other.body.id, first.body.id)
    assert.is((await post(it.call, 'k', lamps(5, user(2)))).body.id, other.body.id)
  }),
)

test(
  'a key with another body is refused with 422, and the first order stands',
  served(async (it) => {
    const first = await post(it.call, 'k')
    const other = await it.call<{ code: string }>('POST', '/orders', lamps(2), { 'Idempotency-Key': 'k' })
    assert.equal([other.status, other.body.code], [422, 'idempotency.key_reused'])
    assert.is((await post(it.call, 'k')).body.id, first.body.id)
    assert.is((await ordersIn(it)).length, 1)
  }),
)

test(
  'a key is not used up by a request that was refused',
  served(async (it) => {
    assert.is((await post(it.call, 'k', { ...lamps(), foo: 1 })).status, 400)
    assert.is((await post(it.call, 'k', lamps(0))).status, 400)
    const first = await post(it.call, 'k', lamps(7))
    assert.equal([first.status, replayed(first)], [202, null])
  }),
)

test(
  'the same request may be written in other ways: upper case, white space, keys in another order',
  served(async (it) => {
    const first = await post(it.call, 'k')
    const upper = lamp.toUpperCase()
    const written = `{ "items": [ {"quantity":1.0,"productId":"${upper}"} ], "userId":"${user(1).toUpperCase()}" }`
    const again = await it.call<Order>('POST', '/orders', written, { 'Idempotency-Key': 'k' })
    assert.equal([again.status, replayed(again), again.body.id], [202, 'true', first.body.id])
  }),
)

test(
  'one key sent many times at once places one order, and all are told of it',
  served(async (it) => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(it.call, 'k')))
    assert.equal([...new Set(answers.map(({ status }) => status))], [202])
    assert.is(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
    assert.is(answers.filter((answer) => replayed(answer) === null).length, 1)
    assert.is((await ordersIn(it)).length, 1)
  }),
)

test(
  'many who wait with one key are all told the same end',
  served(async (it) => {
    const posting = Promise.all(Array.from({ length: 5 }, () => post(it.call, 'k', lamps(), waiting(20))))
    await it.ask(paid(await onlyOrder(it)))
    const answers = await posting
    assert.equal([...new Set(answers.map(({ status }) => status))], [201])
    assert.is(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  }),
)

test(
  'without a key every request is an order of its own',
  served(async (it) => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await post(it.call, undefined)).body.id))
    assert.is(new Set(ids).size, 3)
  }),
)

test.run()
