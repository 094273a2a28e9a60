import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Unavailable } from '../../shared/failure/index.ts'
import { createLog, type Log, silentLog } from '../../shared/log/index.ts'
import { eventually, react, withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { type OrderDatabase, openOrderDatabase } from './database.ts'
import type { ExpireOrder, PlaceOrder } from './domain.ts'
import { type ExpiryOptions, expiry } from './expiry.ts'
import { selectExpired, selectOrder } from './statements.ts'

/** Runs the expiry while `use` does, and shows that it ends when it is told to. */
const expiring = async (options: Omit<ExpiryOptions, 'log'> & { log?: Log }, use: () => Promise<unknown>) => {
  const stopping = new AbortController()
  const running = expiry({ log: silentLog(), ...options }).run(stopping.signal)
  try {
    await use()
  } finally {
    stopping.abort()
    await running
  }
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => `order ${n}`)

test('whatever is past its deadline is failed, round after round, each as large as a batch', async () => {
  const waiting = ids(450)
  const asked: number[] = []
  const failed: string[] = []
  const expired = async (limit: number) => {
    asked.push(limit)
    return waiting.slice(0, limit)
  }
  const expire = async ({ data }: ExpireOrder) => {
    failed.push(data.orderId)
    waiting.splice(waiting.indexOf(data.orderId), 1)
  }
  await expiring({ expired, expire }, () => eventually(() => waiting.length === 0))
  assert.equal(failed, ids(450))
  assert.ok(asked.every((limit) => limit > 0 && limit <= 1_000))
})

test('it looks again when nothing was due, and outlives a database that is away', async () => {
  let looks = 0
  const failed: string[] = []
  const expired = async () => {
    looks += 1
    if (looks === 1) return []
    if (looks === 2) throw new Unavailable('away', { code: 'database.unavailable' })
    return failed.length === 0 ? ['order 0'] : []
  }
  const expire = async ({ data }: ExpireOrder) => failed.push(data.orderId)
  await expiring({ expired, expire }, () => eventually(() => failed.length > 0))
  assert.equal(failed, ['order 0'])
})

test('it says that it waits for the database only when that is away; a defect is an error, and told whole', async () => {
  const lines: string[] = []
  const log = createLog({ service: 'test', destination: { write: (line) => lines.push(line) } })
  const errors = [new Unavailable('away', { code: 'database.unavailable' }), new TypeError('a defect')]
  const expired = async () => {
    const error = errors.shift()
    if (error !== undefined) throw error
    return []
  }
  await expiring({ expired, expire: async () => {}, log }, () => eventually(() => lines.length === 2))
  const [waits, failed] = lines.map((line) => JSON.parse(line))
  assert.equal([waits.level, waits.msg], ['warn', 'the expiry of orders waits for the database'])
  assert.equal([failed.level, failed.msg], ['error', 'the expiry of orders failed'])
  assert.match(failed.err.stack, /TypeError: a defect\n +at /)
})

test('one order that can not be failed does not keep the others waiting', async () => {
  const waiting = ids(3)
  const expire = async ({ data: { orderId } }: ExpireOrder) => {
    if (orderId === 'order 0') throw new Error('this one is broken')
    waiting.splice(waiting.indexOf(orderId), 1)
  }
  await expiring({ expired: async () => [...waiting], expire }, () => eventually(() => waiting.length === 1))
  assert.equal(waiting, ['order 0'])
})

const withOrders = (use: (database: OrderDatabase) => Promise<void>) => () =>
  withDatabase('order', async ({ url }) => {
    const database = openOrderDatabase({ url, name: 'test', poolSize: 6 })
    try {
      await use(database)
    } finally {
      await database.close()
    }
  })
const order = (n: number) => `01900000-0000-7000-8000-b0000000000${n}`
const place = (n: number): PlaceOrder => ({
  type: 'PlaceOrder',
  data: { orderId: order(n), userId: order(9), items: [{ productId: order(8), quantity: 1 }], mode: 'rpc' },
})

test(
  'an order is failed as expired once its deadline has passed by the database clock, by one of two services',
  withOrders(async (database) => {
    const { client, transaction } = database
    const said: string[] = []
    const options = {
      expired: (limit: number) => selectExpired(client, 300, limit),
      expire: async (command: ExpireOrder) => {
        const events = await transaction((tx) => react(tx, choreography, [command]))
        said.push(...events.map(({ type, data }) => `${type} ${data.orderId}`))
      },
    }
    await transaction((tx) => react(tx, choreography, [place(1), place(2)]))
    const paid = { orderId: order(2), userId: order(9), amount: 1 }
    await transaction((tx) => react(tx, choreography, [{ type: 'BalanceDebited', data: paid }]))
    await expiring(options, () => expiring(options, () => eventually(() => said.length > 0)))
    const first = await selectOrder(client, order(1))
    assert.is(first?.status === 'FAILED' && first.reason, 'expired')
    assert.ok(Number(first?.updatedAt) - Number(first?.createdAt) >= 300)
    assert.is((await selectOrder(client, order(2)))?.status, 'SUCCESS')
    assert.equal(said, [`OrderFailed ${order(1)}`])
  }),
)

test(
  'an order that somebody holds locked keeps no other from expiring, and expires once it is let go',
  withOrders(async ({ client, transaction }) => {
    await transaction((tx) => react(tx, choreography, [place(3), place(4)]))
    const isExpired = async (n: number) => (await selectOrder(client, order(n)))?.status === 'FAILED'
    const expire = (command: ExpireOrder) => transaction((tx) => react(tx, choreography, [command]))
    const options = { expired: (limit: number) => selectExpired(client, 0, limit), expire }
    await transaction(async (tx) => {
      await tx.$queryRawUnsafe('select 1 from orders where id = $1::uuid for update', order(3))
      await expiring(options, () => eventually(() => isExpired(4)))
      assert.not(await isExpired(3))
    })
    await expiring(options, () => eventually(() => isExpired(3)))
  }),
)

test.run()
