import { Id, type OrderBody, type RequestOf } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { type Procedure, procedure } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import { type Cause, type CommandDoor, command, type Parts } from '../../shared/service/index.ts'
import { orderBody } from './answers.ts'
import type { Coordination } from './coordination.ts'
import type { CancelOrder, Order, OrderState, Payment, PlaceOrder } from './domain.ts'
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
    const body = orderBody(order)
    if (request.status === 'SUCCESS' && !isAsReported(body, request)) {
      throw new Refused('conflict', `Order ${request.orderId} has succeeded, and otherwise than reported.`, {
        code: 'order.succeeded_otherwise',
      })
    }
    return { ok: true, order: body }
  }),
]

type Success = Extract<RequestOf<'order_status_update'>, { status: 'SUCCESS' }>

/** What was reported, in the words of the events that report the same. */
const settling = (request: RequestOf<'order_status_update'>): Input => {
  const { orderId } = request
  if (request.status === 'FAILED')
    return { type: 'BalanceRejected', data: { orderId, reason: request.reason } }
  const { userId, total: amount, items } = request
  return { type: 'BalanceDebited', data: { orderId, userId, amount, items } satisfies Payment['data'] }
}

const isAsReported = (order: OrderBody, { userId = order.userId, total }: Success): boolean =>
  userId === order.userId && total === order.total

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
    const data: PlaceOrder['data'] = { orderId: orderId ?? asOrderId(messageId), userId, items, mode }
    const state = await placeByMessage({ type: 'PlaceOrder', data }, messageId, cause)
    if (state !== undefined) await coordination.coordinate(state.order as Order, cause)
  }),

  command('order.update', async ({ orderId }, { messageId, cause }) => {
    const cancel: CancelOrder = { type: 'CancelOrder', data: { orderId } }
    await askOnce('order.update', cancel, messageId, cause).catch((error) => {
      throw error instanceof Refused && error.kind === 'not_found' ? notYet(error) : error
    })
  }),
]

/** The order comes by another queue, and may be overtaken by its cancellation: no refusal, so that it is tried again for a while. */
const notYet = (cause: Refused) => new Error(`${cause.message} It may be on its way.`, { cause })

/** A message may have any UUID; an order is known to others, who take only those of RFC 9562. */
const asOrderId = (messageId: string): string => {
  const id = Id.safeParse(messageId)
  if (id.success) return id.data
  throw new Refused(
    'invalid',
    `the messageId ${messageId} is no UUID of RFC 9562, and can't be an order's id`,
    {
      code: 'command.id',
      next: 'Send an orderId, or a messageId of version 4 or 7.',
    },
  )
}
