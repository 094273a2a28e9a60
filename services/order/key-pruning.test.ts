import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../shared/log/index.ts'
import { type Call, eventually } from '../../shared/testing/index.ts'
import { choreographed } from './coordination.ts'
import { deleteOldClaims } from './idempotency-keys.ts'
import { keyPruning } from './key-pruning.ts'
import { placing } from './placing.ts'
import { type Served, served } from './testing.ts'
import { watchOrders } from './watch.ts'

const userId = '01900000-0000-7000-8000-c00000000001'
const lamps = { userId, items: [{ productId: '01900000-0000-7000-8000-00000000000a', quantity: 1 }] }

const post = async (call: Call, key: string) =>
  (await call<{ id: string }>('POST', '/orders', lamps, { 'Idempotency-Key': key })).body.id
const age = ({ database: { client } }: Served, key: string, hours: number) =>
  client.$executeRawUnsafe(
    'update idempotency_keys set created_at = clock_timestamp() - make_interval(hours => $2::int) where key = $1',
    key,
    hours,
  )
const keysIn = async ({ database: { client } }: Served) => {
  const rows = await client.$queryRawUnsafe<{ key: string }[]>(
    'select key from idempotency_keys order by key',
  )
  return rows.map(({ key }) => key)
}
const end = (it: Served, orderId: string) =>
  it.ask({ type: 'StockRejected', data: { orderId, reason: 'out_of_stock' } })

test(
  'a key is forgotten after a day, oldest first and so many at a time, and can then place another order',
  served(async (it) => {
    const ids = new Map<string, string>()
    for (const [key, hours] of [
      ['new', 23],
      ['old', 25],
      ['older', 26],
      ['oldest', 27],
    ] as const) {
      ids.set(key, await post(it.call, key))
      await end(it, ids.get(key) as string)
      await age(it, key, hours)
    }
    assert.is(await deleteOldClaims(it.database.client, 2), 2)
    assert.equal(await keysIn(it), ['new', 'old'])
    assert.is(await deleteOldClaims(it.database.client, 2), 1)
    assert.is(await deleteOldClaims(it.database.client, 2), 0)
    assert.is(await post(it.call, 'new'), ids.get('new'))
    assert.is.not(await post(it.call, 'old'), ids.get('old'))
  }),
)

test(
  'the key of an order that is PROCESSING stays, however old, and keeps no other from being forgotten',
  served(async (it) => {
    const open = await post(it.call, 'open')
    await age(it, 'open', 1_000)
    await end(it, await post(it.call, 'ended'))
    await age(it, 'ended', 25)
    assert.is(await deleteOldClaims(it.database.client, 1), 1)
    assert.equal(await keysIn(it), ['open'])
    assert.is(await post(it.call, 'open'), open)
    await end(it, open)
    assert.is(await deleteOldClaims(it.database.client, 1), 1)
  }),
)

test(
  'two services forget at the same time without waiting for each other',
  served(async (it) => {
    for (const key of ['a', 'b', 'c']) {
      await end(it, await post(it.call, key))
      await age(it, key, 25)
    }
    const { transaction, client } = it.database
    await transaction(async (tx) => {
      assert.is(await deleteOldClaims(tx, 2), 2)
      assert.is(await deleteOldClaims(client, 10), 1)
    })
    assert.equal(await keysIn(it), [])
  }),
)

test(
  'a replay whose key is forgotten while it is answered tells the order as it was placed',
  served(async ({ call, database: { client } }) => {
    const orderId = await post(call, 'k')
    await client.$executeRawUnsafe('delete from idempotency_keys')
    const claim = { key: 'k', requestHash: '', orderId }
    const place = placing({
      coordination: choreographed,
      place: async ({ data }) => ({ orderId: data.orderId, now: new Date(), order: undefined, claim }),
      watch: watchOrders(async () => []),
      sql: client,
    })
    const { signal } = new AbortController()
    const { body, ...rest } = await place({ ...lamps, key: 'k', waitMs: 0, cause: {}, signal })
    assert.equal([body.id, rest], [orderId, { status: 202, replayed: true }])
  }),
)

test('it goes on at once while there is more, and rests when there is not', async () => {
  let left = 2_500
  const asked: number[] = []
  const forget = async (limit: number) => {
    const count = Math.min(left, limit)
    left -= count
    asked.push(count)
    return count
  }
  const stopping = new AbortController()
  const running = keyPruning({ forget, log: silentLog() }).run(stopping.signal)
  await eventually(() => left === 0)
  stopping.abort()
  await running
  assert.equal(asked, [1_000, 1_000, 500])
})

test(
  'the service forgets old keys by itself',
  served(async (it) => {
    await end(it, await post(it.call, 'k'))
    await age(it, 'k', 25)
    await it.background(() => eventually(async () => (await keysIn(it)).length === 0))
  }),
)

test.run()
