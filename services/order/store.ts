import type { Input, Store } from '../../shared/saga/index.ts'
import type { Transaction } from './database.ts'
import type { Claim, Order, OrderState, PlaceOrder } from './domain.ts'
import {
  insertClaims,
  insertOrders,
  lockClaims,
  selectClaims,
  selectOrdersForUpdate,
  updateOrders,
} from './statements.ts'

interface World {
  now: Date
  orders: Map<string, Order>
  claims: Map<string, Claim>
  /** What this batch changed, by order id or claim key; `placed` orders are inserted, `settled` ones updated. */
  placed: Set<string>
  settled: Set<string>
  claimed: Map<string, Claim & { userId: string }>
}

const idOf = (input: Input) => (input.data as { orderId: string }).orderId
const claimOf = (input: Input) => {
  if (input.type !== 'PlaceOrder') return undefined
  const { userId, idempotency } = (input as PlaceOrder).data
  return idempotency && { userId, key: idempotency.key, id: `${userId} ${idempotency.key}` }
}

/** Orders and Idempotency-Keys: locked in id order, read in one query each, written in one statement per table. */
export const orderStore: Store<Transaction, World, OrderState> = {
  async load(tx, inputs) {
    const claims = inputs.flatMap((input) => claimOf(input) ?? [])
    if (claims.length > 0) await lockClaims(tx, [...new Set(claims.map(({ id }) => id))])
    const { now, orders } = await selectOrdersForUpdate(tx, [...new Set(inputs.map(idOf))])
    return {
      now,
      orders: new Map(orders.map((order) => [order.id, order])),
      claims: claims.length > 0 ? await selectClaims(tx, claims) : new Map<string, Claim>(),
      placed: new Set(),
      settled: new Set(),
      claimed: new Map(),
    }
  },

  read(world, input) {
    const claim = claimOf(input)
    const orderId = idOf(input)
    return {
      orderId,
      now: world.now,
      order: world.orders.get(orderId),
      claim: claim && world.claims.get(claim.id),
    }
  },

  write(world, { orderId, order, claim }) {
    const before = world.orders.get(orderId)
    if (order === undefined || order === before) return
    world.orders.set(orderId, order)
    if (before === undefined) world.placed.add(orderId)
    else if (!world.placed.has(orderId)) world.settled.add(orderId)
    if (claim !== undefined && before === undefined) {
      const id = `${order.userId} ${claim.key}`
      world.claims.set(id, claim)
      world.claimed.set(id, { ...claim, userId: order.userId })
    }
  },

  async save(tx, world) {
    const pick = (ids: Set<string>) => [...ids].map((id) => world.orders.get(id) as Order)
    if (world.placed.size > 0) await insertOrders(tx, pick(world.placed))
    if (world.claimed.size > 0) await insertClaims(tx, [...world.claimed.values()])
    // An order placed and settled in one batch is inserted as PROCESSING first: the history has both.
    const settled = pick(new Set([...world.placed, ...world.settled])).filter(
      ({ status }) => status !== 'PROCESSING',
    )
    if (settled.length > 0) await updateOrders(tx, settled)
  },
}
