import type { OrderBody } from '../../shared/contracts/index.ts'
import type { Order } from './domain.ts'

/** An order as clients see it. */
export const orderBody = (order: Order): OrderBody => ({
  id: order.id,
  userId: order.userId,
  status: order.status,
  reason: order.status === 'FAILED' ? order.reason : null,
  mode: order.mode,
  items: order.items.map(({ productId, quantity, unitPrice }) => ({ productId, quantity, unitPrice })),
  total: order.status === 'SUCCESS' ? order.total : null,
  createdAt: order.createdAt.toISOString(),
  updatedAt: order.updatedAt.toISOString(),
})

/** The order as it was when it was placed: what the first answer to an Idempotency-Key said, unless the client waited. */
export const asPlaced = (body: OrderBody): OrderBody => ({
  ...body,
  status: 'PROCESSING',
  reason: null,
  total: null,
  items: body.items.map((line) => ({ ...line, unitPrice: null })),
  updatedAt: body.createdAt,
})
