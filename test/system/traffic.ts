import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { describe } from '../../shared/failure/index.ts'
import { addProduct, addUser, type OrderBody, place } from './shop.ts'
import type { System } from './with-system.ts'

/** What one client saw of one order, over all its tries with the same Idempotency-Key. */
export interface Sent {
  key: string
  userId: string
  /** Set once a try was answered with 201 or 202. */
  orderId: string | undefined
  /** Every id that an answer to this key named. */
  ids: Set<string>
  /** Statuses of the answers; a try without an answer is 0. */
  statuses: number[]
  lastError: string | undefined
}

export interface TrafficOptions {
  orders: number
  /** How many clients there are; each has one order at a time. */
  clients?: number
  seed?: number
  /** Tries per key, half a second apart, before a client gives up. */
  tries?: number
  onSent?: (count: number) => void
}

/** Mulberry32: small, seeded, good enough to spread load. */
export const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

export interface Shop {
  users: string[]
  products: string[]
}

/** A few hot products and users: some run out of stock, some of money. */
export const openShop = async (system: System): Promise<Shop> => ({
  users: await Promise.all([1_000_000, 1_000_000, 1_000_000, 3_000, 0].map((it) => addUser(system, it))),
  products: await Promise.all([100_000, 100_000, 100_000, 20, 0].map((it) => addProduct(system, it, 100))),
})

/**
 * Orders from patient clients: one that gets no answer, or a 5xx, asks again with the same key until it is told. Skewed: the first
 * users and products are the hot ones. Resolves with what each client saw.
 */
export const sendTraffic = async (
  system: System,
  shop: Shop,
  { orders, clients = 8, seed = 1, tries = 60, onSent }: TrafficOptions,
): Promise<Sent[]> => {
  const random = seeded(seed)
  const skewed = <T>(from: readonly T[]) => from[Math.floor(random() ** 2 * from.length)] as T
  const plan = Array.from({ length: orders }, () => {
    const products = new Set(
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => skewed(shop.products)),
    )
    const items = [...products].map((productId) => ({ productId, quantity: 1 + Math.floor(random() * 3) }))
    return { userId: skewed(shop.users), items }
  })
  const sent: Sent[] = []
  const client = async () => {
    for (let next = plan.shift(); next !== undefined; next = plan.shift()) {
      sent.push(await sendOne(system, next, tries))
      onSent?.(sent.length)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return sent
}

const sendOne = async (
  system: System,
  { userId, items }: Pick<OrderBody, 'userId'> & { items: { productId: string; quantity: number }[] },
  tries: number,
): Promise<Sent> => {
  const one: Sent = {
    key: randomUUID(),
    userId,
    orderId: undefined,
    ids: new Set(),
    statuses: [],
    lastError: undefined,
  }
  for (let attempt = 0; attempt < tries && one.orderId === undefined; attempt += 1) {
    if (attempt > 0) await pause(500)
    try {
      const { status, body } = await place(system, userId, items, { 'Idempotency-Key': one.key })
      one.statuses.push(status)
      if (status === 201 || status === 202) {
        one.orderId = body.id
        one.ids.add(body.id)
      }
    } catch (error) {
      one.statuses.push(0)
      one.lastError = describe(error)
    }
  }
  return one
}

/** The clients' view agrees with the database: told once, there once; no key made two orders; a failure was a 503 or no answer. */
export const clientsWereTold = async (system: System, sent: readonly Sent[]): Promise<string[]> => {
  const keys = await system.sql<{ key: string; order_id: string }>(
    'order',
    'SELECT key, order_id FROM idempotency_keys',
  )
  const orders = await system.sql<{ id: string }>('order', 'SELECT id FROM orders')
  const idOf = new Map(keys.map(({ key, order_id }) => [key, order_id]))
  const there = new Set(orders.map(({ id }) => id))
  const problems: string[] = []
  for (const { key, orderId, ids, statuses, lastError } of sent) {
    if (orderId === undefined)
      problems.push(`I15 key ${key}: never accepted (${statuses.join()}; ${lastError ?? 'no error'})`)
    else if (!there.has(orderId)) problems.push(`I15 key ${key}: order ${orderId} is not there`)
    else if (idOf.get(key) !== orderId)
      problems.push(`I15 key ${key}: told ${orderId}, kept ${idOf.get(key)}`)
    if (ids.size > 1) problems.push(`I15 key ${key}: told of ${[...ids].join(' and ')}`)
    const odd = statuses.find((status) => ![0, 201, 202, 503].includes(status))
    if (odd !== undefined) problems.push(`I15 key ${key}: answered ${odd}`)
  }
  if (there.size !== sent.length) problems.push(`I15 ${there.size} orders for ${sent.length} keys`)
  return problems
}
