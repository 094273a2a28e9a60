import { createHash } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { type Line, OrderBody } from '../../shared/contracts/index.ts'
import type { Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import type { Deadline } from '../../shared/rpc/index.ts'
import type { Cause } from '../../shared/service/index.ts'
import { asPlaced, orderBody } from './answers.ts'
import type { Coordination } from './coordination.ts'
import type { Claim, Order, OrderState, PlaceOrder } from './domain.ts'
import { selectAnswer, updateAnswer } from './idempotency-keys.ts'
import { selectOrder } from './statements.ts'
import type { OrderWatch } from './watch.ts'

export interface Placing {
  userId: string
  items: readonly Line[]
  key: string | undefined
  /** How long the caller would wait for the terminal status. */
  waitMs: number
  cause: Cause
  /** When a caller over RPC gives up. */
  deadline?: Deadline
  signal: AbortSignal
}

export interface Placed {
  /** 201 when the order is terminal, 202 while it is PROCESSING. */
  status: 201 | 202
  body: OrderBody
  replayed: boolean
}

export interface PlacingParts {
  coordination: Coordination
  place(command: PlaceOrder, cause: Cause): Promise<OrderState>
  watch: OrderWatch
  sql: Sql
}

/** Two bodies are the same request when they parse to the same order. */
const hashOf = (userId: string, items: readonly Line[]) =>
  createHash('sha256')
    .update(JSON.stringify([userId, items.map(({ productId, quantity }) => [productId, quantity])]))
    .digest('hex')

const answerWith = (body: OrderBody) => ({ status: body.status === 'PROCESSING' ? 202 : 201, body }) as const

/**
 * Places an order, once per Idempotency-Key: the key is kept in the order's own transaction. A replay tells what the first request
 * was told; if that was PROCESSING and this caller waits, it waits for the same order.
 */
export const placing = ({ coordination, place, watch, sql }: PlacingParts) => {
  const settledBody = async (order: OrderBody, { waitMs, signal }: Placing): Promise<OrderBody> => {
    if (waitMs === 0 || order.status !== 'PROCESSING') return order
    await watch.settled(order.id, waitMs, signal)
    return bodyOf(await selectOrder(sql, order.id))
  }

  return async (request: Placing): Promise<Placed> => {
    const { userId, items, key, cause, deadline } = request
    const orderId = uuidv7()
    const idempotency = key === undefined ? undefined : { key, requestHash: hashOf(userId, items) }
    const { mode } = coordination
    const state = await place(
      { type: 'PlaceOrder', data: { orderId, userId, items, mode, idempotency } },
      cause,
    )
    const replayed = state.claim !== undefined && state.claim.orderId !== orderId
    const first = replayed ? await answerBefore(userId, state.claim as Claim) : bodyOf(state.order)
    const ended = replayed
      ? first.status === 'PROCESSING' && (await coordination.resume(first.id, cause, deadline))
      : await coordination.coordinate(state.order as Order, cause, deadline)
    const coordinated = ended ? bodyOf(ended) : first
    const body = await settledBody(coordinated, request)
    if (key !== undefined && body.status !== first.status) await updateAnswer(sql, userId, key, 201, body)
    return { ...answerWith(body), replayed }
  }

  async function answerBefore(userId: string, { key, orderId }: Claim): Promise<OrderBody> {
    const answer = await selectAnswer(sql, userId, key)
    // Read through the schema: jsonb keeps no order of keys, and a replay reads as the first answer did.
    return answer === undefined ? asPlaced(bodyOf(await selectOrder(sql, orderId))) : OrderBody.parse(answer)
  }
}

const bodyOf = (order: Order | undefined): OrderBody => {
  if (order !== undefined) return orderBody(order)
  throw new Refused('not_found', 'The order is not there any more.', {
    code: 'order.not_found',
    next: 'GET /orders?userId= lists the orders of a user.',
  })
}
