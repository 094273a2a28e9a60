// modes: choreography, rpc
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addProduct,
  addUser,
  checkInvariants,
  place,
  placeMany,
  type System,
  withSystem,
} from './system/index.ts'

/** How the orders of one product ended. */
const endings = async (system: System, productId: string) => {
  const rows = await system.sql<{ end: string; n: number }>(
    'order',
    `SELECT coalesce(reason, status::text) AS end, count(*)::int AS n FROM orders o
     JOIN order_items i ON i.order_id = o.id WHERE i.product_id = $1 GROUP BY 1`,
    [productId],
  )
  return Object.fromEntries(rows.map(({ end, n }) => [end, n]))
}

const hotProduct = async (system: System) => {
  const users = await Promise.all(Array.from({ length: 5 }, () => addUser(system)))
  const productId = await addProduct(system, 100, 10)
  await placeMany(system, 200, users, productId)
  const { product } = await checkInvariants(system)
  assert.equal(await endings(system, productId), { SUCCESS: 100, out_of_stock: 100 })
  assert.is(product.products.find(({ id }) => id === productId)?.stock, 0)
}

const hotUser = async (system: System) => {
  const userId = await addUser(system, 1_000)
  const productId = await addProduct(system, 1_000, 100)
  await placeMany(system, 50, [userId], productId)
  const { product, user } = await checkInvariants(system)
  assert.equal(await endings(system, productId), { SUCCESS: 10, insufficient_balance: 40 })
  assert.is(product.products.find(({ id }) => id === productId)?.stock, 990)
  assert.is(user.users.find(({ id }) => id === userId)?.balance, 0)
}

const hotKey = async (system: System) => {
  const userId = await addUser(system)
  const productId = await addProduct(system)
  const key = { 'Idempotency-Key': randomUUID() }
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => place(system, userId, [{ productId, quantity: 1 }], key)),
  )
  const made = answers.filter(({ status }) => status !== 409)
  assert.ok(made.every(({ status }) => status === 202 || status === 201))
  assert.is(new Set(made.map(({ body }) => body.id)).size, 1)
  await checkInvariants(system)
  assert.equal(await endings(system, productId), { SUCCESS: 1 })
}

test('a hot product sells what there is, a hot user pays what he has, a hot key places one order', () =>
  withSystem({}, async (system) => {
    await hotProduct(system)
    await hotUser(system)
    await hotKey(system)
  }))

test.run()
