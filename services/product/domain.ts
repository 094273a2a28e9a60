import {
  type DomainEvent,
  type EventData,
  type Line,
  maxMoney,
  type PricedLine,
  type Reason,
} from '../../shared/contracts/index.ts'
import type { Decision } from '../../shared/saga/index.ts'

/** What a reservation may see and change of a product; price in minor units. */
export interface StockedProduct {
  id: string
  price: number
  stock: number
  deleted: boolean
}

/** What product did for one order; undefined: nothing yet. REJECTED is final, and refuses a cause that comes late. */
export type Reservation =
  | { status: 'RESERVED' | 'RELEASED'; total: number; items: readonly PricedLine[] }
  | { status: 'REJECTED'; reason: Reason }

/** All that one decision looks at: the order's reservation, and the products its lines name, where they exist. */
export interface StockState {
  orderId: string
  reservation: Reservation | undefined
  products: ReadonlyMap<string, StockedProduct>
}

type StockDecision<Event extends 'StockReserved' | 'StockRejected' | 'StockReleased'> = Decision<
  StockState,
  DomainEvent<Event>
>

/** Reserves all lines of an order or none, once, at the prices of now. */
export const reserveStock = (
  state: StockState,
  { data: order }: DomainEvent<'OrderPlaced'>,
): StockDecision<'StockReserved' | 'StockRejected'> => {
  switch (state.reservation?.status) {
    case 'RESERVED':
    case 'RELEASED':
      return { state, events: [] }
    case 'REJECTED':
      return { state, events: [stockRejected(state.orderId, state.reservation.reason)] }
    case undefined:
      return reserveOnce(state, order)
  }
}

/** Gives back what was reserved. An order that fails before it was seen is remembered, so that its late OrderPlaced is refused. */
export const releaseStock = (
  state: StockState,
  { data: { orderId, reason } }: DomainEvent<'OrderFailed'>,
): StockDecision<'StockReleased'> => {
  switch (state.reservation?.status) {
    case undefined:
      return { state: { ...state, reservation: { status: 'REJECTED', reason } }, events: [] }
    case 'RESERVED': {
      const { total, items } = state.reservation
      return {
        state: {
          ...state,
          reservation: { status: 'RELEASED', total, items },
          products: moveStock(state.products, items, 1),
        },
        events: [{ type: 'StockReleased', data: { orderId, items: [...items] } }],
      }
    }
    case 'RELEASED':
    case 'REJECTED':
      return { state, events: [] }
  }
}

const reserveOnce = (
  state: StockState,
  { orderId, userId, items: lines }: EventData<'OrderPlaced'>,
): StockDecision<'StockReserved' | 'StockRejected'> => {
  const priced = priceLines(state.products, lines)
  if (typeof priced === 'string') {
    return {
      state: { ...state, reservation: { status: 'REJECTED', reason: priced } },
      events: [stockRejected(orderId, priced)],
    }
  }
  const { total, items } = priced
  return {
    state: {
      ...state,
      reservation: { status: 'RESERVED', total, items },
      products: moveStock(state.products, items, -1),
    },
    events: [{ type: 'StockReserved', data: { orderId, userId, total, items } }],
  }
}

/** The lines with their prices and the exact total, or why they can't be had; an unknown product weighs more than a short one. */
const priceLines = (
  products: StockState['products'],
  lines: readonly Line[],
): { total: number; items: PricedLine[] } | Reason => {
  const found = lines.flatMap((line) => {
    const product = products.get(line.productId)
    return product === undefined || product.deleted ? [] : [{ line, product }]
  })
  if (found.length < lines.length) return 'unknown_product'
  if (found.some(({ line, product }) => product.stock < line.quantity)) return 'out_of_stock'
  const total = found.reduce(
    (sum, { line, product }) => sum + BigInt(product.price) * BigInt(line.quantity),
    0n,
  )
  // No balance can hold more than this, so nobody could pay it.
  if (total > BigInt(maxMoney)) return 'insufficient_balance'
  return {
    total: Number(total),
    items: found.map(({ line, product }) => ({ ...line, unitPrice: product.price })),
  }
}

const moveStock = (
  products: StockState['products'],
  lines: readonly Line[],
  direction: 1 | -1,
): StockState['products'] => {
  const moved = new Map(products)
  for (const { productId, quantity } of lines) {
    const product = moved.get(productId)
    if (product === undefined) throw new Error(`product ${productId} of a reservation is not in the state`)
    moved.set(productId, { ...product, stock: product.stock + direction * quantity })
  }
  return moved
}

const stockRejected = (orderId: string, reason: Reason): DomainEvent<'StockRejected'> => ({
  type: 'StockRejected',
  data: { orderId, reason },
})
