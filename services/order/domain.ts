import type { DomainEvent, EventData, Line, Mode, Reason } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import type { Decision } from '../../shared/saga/index.ts'

export interface OrderLine extends Line {
  /** Minor units; null until the order was paid. */
  unitPrice: number | null
}

/** Only the order service decides the terminal status; a terminal order never changes. */
export type Outcome =
  | { status: 'PROCESSING' }
  | { status: 'SUCCESS'; total: number }
  | { status: 'FAILED'; reason: Reason }

export type Order = {
  id: string
  userId: string
  mode: Mode
  items: readonly OrderLine[]
  createdAt: Date
  updatedAt: Date
} & Outcome

/** An Idempotency-Key as it was first used. */
export interface Claim {
  key: string
  requestHash: string
  orderId: string
}

export interface OrderState {
  orderId: string
  /** The database's clock when the batch was loaded. */
  now: Date
  order: Order | undefined
  /** Who used this command's Idempotency-Key first; undefined for a new key and for inputs without one. */
  claim?: Claim | undefined
}

export interface PlaceOrder {
  type: 'PlaceOrder'
  data: {
    orderId: string
    userId: string
    items: readonly Line[]
    mode: Mode
    idempotency?: { key: string; requestHash: string } | undefined
  }
}
export interface CancelOrder {
  type: 'CancelOrder'
  data: { orderId: string }
}
export interface ExpireOrder {
  type: 'ExpireOrder'
  data: { orderId: string }
}

type OrderDecision<Event extends DomainEvent['type']> = Decision<OrderState, DomainEvent<Event>>

const sameLines = (a: readonly Line[], b: readonly Line[]) =>
  a.length === b.length &&
  a.every((line, index) => line.productId === b[index]?.productId && line.quantity === b[index]?.quantity)

/** A new order; the same order or the same key again changes nothing, another body under a used id or key is refused. */
export const placeOrder = (state: OrderState, { data }: PlaceOrder): OrderDecision<'OrderPlaced'> => {
  const { orderId, userId, items, mode, idempotency } = data
  if (state.claim !== undefined) {
    if (state.claim.requestHash === idempotency?.requestHash) return { state, events: [] }
    throw new Refused('mismatch', 'This Idempotency-Key was used with another body.', {
      code: 'idempotency.key_reused',
      next: 'Send the first body again, or use a new key for a new order.',
    })
  }
  if (state.order !== undefined) {
    if (state.order.userId === userId && sameLines(state.order.items, items)) return { state, events: [] }
    throw new Refused('conflict', `Order ${orderId} exists with another content.`, {
      code: 'order.exists',
      next: 'Use a new order id.',
    })
  }
  const order: Order = {
    id: orderId,
    userId,
    mode,
    items: items.map(({ productId, quantity }) => ({ productId, quantity, unitPrice: null })),
    status: 'PROCESSING',
    createdAt: state.now,
    updatedAt: state.now,
  }
  const claim = idempotency && { ...idempotency, orderId }
  return {
    state: { ...state, order, claim },
    events: [{ type: 'OrderPlaced', data: { orderId, userId, items: [...items] } }],
  }
}

/** The product service could not reserve. */
export const rejectOrder = (state: OrderState, { data }: DomainEvent<'StockRejected' | 'BalanceRejected'>) =>
  fail(known(state), state, data.reason)

/** A payment as it was said or reported; who paid is not told by every caller. */
export interface Payment {
  data: Omit<EventData<'BalanceDebited'>, 'userId'> & { userId?: string | undefined }
}

/**
 * The user paid: the one way to success. A debit that comes after the order failed is refunded by the user service; one of another
 * user or for other items is not this order's, and is refused: it is given back once the order has failed.
 */
export const confirmOrder = (state: OrderState, { data }: Payment): OrderDecision<'OrderSucceeded'> => {
  const order = known(state)
  if (order.status !== 'PROCESSING') return { state, events: [] }
  refusePaymentOfAnother(order, data)
  const prices = new Map(data.items?.map(({ productId, unitPrice }) => [productId, unitPrice]))
  const items = order.items.map((line) => ({ ...line, unitPrice: prices.get(line.productId) ?? null }))
  const { id: orderId, userId } = order
  return {
    state: {
      ...state,
      order: { ...order, items, status: 'SUCCESS', total: data.amount, updatedAt: state.now },
    },
    events: [{ type: 'OrderSucceeded', data: { orderId, userId, total: data.amount } }],
  }
}

const refusePaymentOfAnother = (order: Order, { userId, items }: Payment['data']) => {
  if (userId !== undefined && userId !== order.userId) {
    throw new Refused('conflict', `Order ${order.id} is not that of user ${userId}.`, {
      code: 'order.other_user',
      next: 'Name the user who placed it, or nobody.',
    })
  }
  if (items !== undefined && !sameLines(byProduct(order.items), byProduct(items))) {
    throw new Refused('conflict', `Order ${order.id} has other items.`, {
      code: 'order.other_items',
      next: 'Name its own items, or none.',
    })
  }
}

const byProduct = (lines: readonly Line[]) => lines.toSorted((a, b) => (a.productId < b.productId ? -1 : 1))

export const orderNotFound = (orderId: string) =>
  new Refused('not_found', `There is no order ${orderId}.`, {
    code: 'order.not_found',
    next: 'GET /orders?userId= lists the orders of a user.',
  })

/** A customer's wish; refused once the order is terminal. */
export const cancelOrder = (state: OrderState, { data }: CancelOrder): OrderDecision<'OrderFailed'> => {
  if (state.order === undefined) {
    throw orderNotFound(data.orderId)
  }
  if (state.order.status !== 'PROCESSING') {
    throw new Refused('conflict', `Order ${data.orderId} is already ${state.order.status}.`, {
      code: 'order.terminal',
      next: `GET /orders/${data.orderId} shows how it ended.`,
    })
  }
  return fail(state.order, state, 'cancelled')
}

/** The deadline passed; an order that settled meanwhile stays as it is. */
export const expireOrder = (state: OrderState, _: ExpireOrder): OrderDecision<'OrderFailed'> =>
  fail(known(state), state, 'expired')

const fail = (order: Order, state: OrderState, reason: Reason): OrderDecision<'OrderFailed'> => {
  if (order.status !== 'PROCESSING') return { state, events: [] }
  const { id: orderId, userId } = order
  return {
    state: { ...state, order: { ...order, status: 'FAILED', reason, updatedAt: state.now } },
    events: [{ type: 'OrderFailed', data: { orderId, userId, reason } }],
  }
}

/** An answer to an order this service never placed is nobody's to act on: it is set aside for a person to look at. */
const known = ({ order, orderId }: OrderState): Order => {
  if (order !== undefined) return order
  throw orderNotFound(orderId)
}
