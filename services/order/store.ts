import { lockNames, type Sql } from '../../shared/database/index.ts'
import type { Input, Store } from '../../shared/saga/index.ts'
import type { Claim, Order, OrderState, PlaceOrder } from './domain.ts'
import { type ClaimId, insertClaims, selectClaims } from './idempotency-keys.ts'
import { insertOrders, selectOrdersForUpdate, updateOrders } from './statements.ts'

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
export const orderStore: Store<Sql, World, OrderState> = {
  async load(tx, inputs) {
    const claimed = inputs.flatMap((input) => claimOf(input) ?? [])
    const [claims, { now, orders }] = await Promise.all([
      claimed.length > 0 ? lockAndSelectClaims(tx, claimed) : new Map<string, Claim>(),
      selectOrdersForUpdate(tx, [...new Set(inputs.map(idOf))]),
    ])
    return {
      now,
      orders: new Map(orders.map((order) => [order.id, order])),
      claims,
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
    // An order placed and settled in one batch is inserted as PROCESSING first: the history has both.
    const settled = pick(new Set([...world.placed, ...world.settled])).filter(
      ({ status }) => status !== 'PROCESSING',
    )
    await Promise.all([
      world.placed.size > 0 ? insertOrders(tx, pick(world.placed)) : undefined,
      world.claimed.size > 0 ? insertClaims(tx, [...world.claimed.values()]) : undefined,
      settled.length > 0 ? updateOrders(tx, settled) : undefined,
    ])
  },
}

const lockAndSelectClaims = async (tx: Sql, claimed: readonly ClaimId[]): Promise<Map<string, Claim>> => {
  const ids = claimed.map(({ id }) => id)
  const [, claims] = await Promise.all([lockNames(tx, ids), selectClaims(tx, claimed)])
  return claims
}
