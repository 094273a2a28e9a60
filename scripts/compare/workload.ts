import { createRandom, createZipf, type Random } from './random.ts'

export interface WorkloadOptions {
  seed: string
  /** How many orders. */
  orders: number
  /** Orders per second, on average. */
  rate: number
  users?: number
  products?: number
  /** Zipf exponent of both; 0 is uniform. */
  skew?: number
  /** Shares of orders that must fail, 0 to 1. */
  doomedByStock?: number
  doomedByMoney?: number
}

export type Doom = 'stock' | 'money'

export interface PlannedOrder {
  /** When it is to be sent, milliseconds after the start. */
  atMs: number
  userIndex: number
  items: { productIndex: number; quantity: number }[]
  /** It must fail for this; absent means that it must succeed. */
  doomed?: Doom
}

/** Everything that will be sent, as data. The last users have no money, the last products no stock. */
export interface Plan {
  seed: string
  users: { name: string; email: string; balance: number }[]
  products: { name: string; price: number; stock: number }[]
  orders: PlannedOrder[]
}

const poorUsers = 5
const soldOutProducts = 5
const mostLines = 5
const mostPieces = 3
/** Prices are 1.00 to 100.00 in minor units. */
const lowestPrice = 100
const highestPrice = 10_000

/**
 * Plans an open-loop workload: Poisson arrivals, Zipf users and products, one to five lines an order. The same options give the
 * same plan to the byte. Each concern draws from a stream of its own, so that changing one option leaves the others' draws alone.
 * Opening stocks and balances are what the orders ask for in all, so an order fails only when it was doomed to.
 */
export const planWorkload = (options: WorkloadOptions): Plan => {
  const { seed, users = 100, products = 50, skew = 1, doomedByStock = 0.1, doomedByMoney = 0.1 } = options
  const stream = (concern: string) => createRandom(`${seed}/${concern}`)
  const [arrivals, dooms, who, what] = [stream('arrivals'), stream('dooms'), stream('who'), stream('what')]
  const [zipfUser, zipfProduct] = [createZipf(users, skew), createZipf(products, skew)]

  let at = 0
  const orders = Array.from({ length: options.orders }, (): PlannedOrder => {
    at += arrivals.exponential(options.rate) * 1_000
    const doomed = doomOf(dooms.next(), doomedByStock, doomedByMoney)
    const user = zipfUser(who)
    const items = drawItems(what, zipfProduct, products)
    const last = items.at(-1)
    if (doomed === 'stock' && last) last.productIndex = products + what.below(soldOutProducts)
    return {
      atMs: Math.round(at * 1_000) / 1_000,
      userIndex: doomed === 'money' ? users + who.below(poorUsers) : user,
      items,
      ...(doomed && { doomed }),
    }
  })
  const priceOf = createPrices(stream('prices'), products + soldOutProducts)
  return {
    seed,
    users: fundUsers(orders, users, priceOf),
    products: stockProducts(orders, products, priceOf),
    orders,
  }
}

const doomOf = (point: number, byStock: number, byMoney: number): Doom | undefined => {
  if (point < byStock) return 'stock'
  return point < byStock + byMoney ? 'money' : undefined
}

const drawItems = (random: Random, zipf: (random: Random) => number, products: number) => {
  const lines = 1 + random.below(Math.min(mostLines, products))
  const drawn = new Map<number, number>()
  while (drawn.size < lines) {
    const productIndex = zipf(random)
    const quantity = 1 + random.below(mostPieces)
    if (!drawn.has(productIndex)) drawn.set(productIndex, quantity)
  }
  return [...drawn].map(([productIndex, quantity]) => ({ productIndex, quantity }))
}

const createPrices = (random: Random, count: number) =>
  Array.from({ length: count }, () => lowestPrice + random.below(highestPrice - lowestPrice + 1))

const sumBy = (count: number, entries: Iterable<[number, number]>): number[] => {
  const sums = new Array<number>(count).fill(0)
  for (const [index, amount] of entries) sums[index] = (sums[index] ?? 0) + amount
  return sums
}

/** What each user's orders cost in all; the poor have nothing. */
const fundUsers = (orders: PlannedOrder[], users: number, prices: number[]): Plan['users'] => {
  const costs = orders.map(({ userIndex, items }): [number, number] => [
    userIndex,
    items.reduce((sum, item) => sum + item.quantity * (prices[item.productIndex] ?? 0), 0),
  ])
  return sumBy(users + poorUsers, costs).map((cost, index) => ({
    name: `User ${index}`,
    email: `user-${index}@example.com`,
    balance: index < users ? cost : 0,
  }))
}

/** What all orders ask of each product, also those that will give it back; the sold-out have nothing. */
const stockProducts = (orders: PlannedOrder[], products: number, prices: number[]): Plan['products'] => {
  const lines = orders.flatMap(({ items }) =>
    items.map((item): [number, number] => [item.productIndex, item.quantity]),
  )
  return sumBy(products + soldOutProducts, lines).map((stock, index) => ({
    name: `Product ${index}`,
    price: prices[index] ?? lowestPrice,
    stock: index < products ? stock : 0,
  }))
}

/** How long the plan takes, milliseconds: until its last order is sent. */
export const planDurationMs = (plan: Plan): number => plan.orders.at(-1)?.atMs ?? 0
