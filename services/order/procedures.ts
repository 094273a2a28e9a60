import type { RequestOf } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { type Procedure, procedure } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import { type Cause, type CommandDoor, command, type Parts } from '../../shared/service/index.ts'
import { orderBody } from './answers.ts'
import type { Coordination } from './coordination.ts'
import type { Order, OrderState, PlaceOrder } from './domain.ts'
import type { Placed, Placing } from './placing.ts'

export interface OrderProcedureParts {
  place(request: Placing): Promise<Placed>
  ask(input: Input, cause?: Cause): Promise<OrderState>
}

/** The same decisions as behind REST and events, for callers on the bus. */
export const orderProcedures = ({ place, ask }: OrderProcedureParts): Procedure[] => [
  procedure('order_create', async ({ userId, items, idempotencyKey }, { traceparent, deadline }) => {
    const { body } = await place({
      userId,
      items,
      key: idempotencyKey,
      waitMs: 0,
      cause: { traceparent },
      deadline,
      signal: new AbortController().signal,
    })
    return { ok: true, order: body }
  }),

  procedure('order_status_update', async (request, { traceparent }) => {
    const { order } = await ask(settling(request), { traceparent })
    if (order?.status !== request.status) {
      throw new Refused('conflict', `Order ${request.orderId} is already ${order?.status}.`, {
        code: 'order.terminal',
      })
    }
    return { ok: true, order: orderBody(order) }
  }),
]

/** What was reported, in the words of the events that report the same. */
const settling = (request: RequestOf<'order_status_update'>): Input => {
  const { orderId } = request
  return request.status === 'SUCCESS'
    ? { type: 'BalanceDebited', data: { orderId, amount: request.total, items: request.items } }
    : { type: 'BalanceRejected', data: { orderId, reason: request.reason } }
}

export interface OrderCommandParts extends Pick<Parts<never, OrderState>, 'askOnce'> {
  coordination: Coordination
  /** Undefined when the message was handled before. */
  placeByMessage(input: PlaceOrder, messageId: string, cause: Cause): Promise<OrderState | undefined>
}

/** Orders placed and cancelled by message: once per messageId, however often it comes. */
export const orderCommands = ({
  askOnce,
  placeByMessage,
  coordination,
}: OrderCommandParts): CommandDoor[] => [
  command('order.create', async ({ orderId, userId, items }, { messageId, cause }) => {
    const { mode } = coordination
    const data: PlaceOrder['data'] = { orderId: orderId ?? messageId, userId, items, mode }
    const state = await placeByMessage({ type: 'PlaceOrder', data }, messageId, cause)
    if (state !== undefined) await coordination.coordinate(state.order as Order, cause)
  }),

  command('order.update', async ({ orderId }, { messageId, cause }) => {
    await askOnce('order.update', { type: 'CancelOrder', data: { orderId } }, messageId, cause)
  }),
]
