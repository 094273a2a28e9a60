import type { Mode, ReplyOf } from '../../shared/contracts/index.ts'
import { describe } from '../../shared/failure/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { type Deadline, deadlineIn, type RpcClient, RpcFailed } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import type { Cause } from '../../shared/service/index.ts'
import type { Order, OrderState } from './domain.ts'

/** Who brings a placed order to its end. The decisions, the tables and the routes are the same in both modes. */
export interface Coordination {
  mode: Mode
  /** Called after an order was placed; returns the order as it stands then. A deadline is that of a caller over RPC. */
  coordinate(order: Order, cause: Cause, deadline?: Deadline): Promise<Order>
  /** The same for an order that is asked for again; undefined when there is nothing to tell but what was told first. */
  resume(orderId: string, cause: Cause, deadline?: Deadline): Promise<Order | undefined>
  /** Told of each order that became terminal, after the commit. */
  settled(order: Order): void
}

/** The services hear of the order through its outbox; nothing is left to do here. */
export const choreographed: Coordination = {
  mode: 'choreography',
  coordinate: async (order) => order,
  resume: async () => undefined,
  settled() {},
}

export interface ChainParts {
  rpc: RpcClient
  ask(input: Input, cause?: Cause): Promise<OrderState>
  read(orderId: string): Promise<Order | undefined>
  /** Of the whole chain, milliseconds. */
  timeoutMs: number
  log: Log
}

/**
 * The chain of the original system: product_stock_update takes the stock, calls user_check, and reports by order_status_update; this
 * service waits for its reply. Whatever the reply, the order is terminal when this returns, unless its database is gone.
 */
export const rpcChain = ({ rpc, ask, read, timeoutMs, log }: ChainParts): Coordination => {
  const running = new Map<string, Promise<Order>>()

  /** Read again: the database has the last word on when an order changed, and later answers tell the same. */
  const settle = async (input: Input, cause: Cause): Promise<Order> => {
    const { orderId, order } = await ask(input, cause)
    return (await read(orderId)) ?? (order as Order)
  }

  const fail = ({ id: orderId, userId }: Order, reason: string, cause: Cause) =>
    settle({ type: 'BalanceRejected', data: { orderId, userId, reason } }, cause)

  /** Mostly the status update came before the reply, and there is nothing left to do. */
  const succeed = async (
    order: Order,
    reply: ReplyOf<'product_stock_update'> & { ok: true },
    cause: Cause,
  ) => {
    const { id: orderId, userId } = order
    const now = await read(orderId)
    if (now !== undefined && now.status !== 'PROCESSING') return now
    const paid = { orderId, userId, amount: reply.total, items: reply.items }
    return settle({ type: 'BalanceDebited', data: paid }, cause)
  }

  /** The user service may have debited, or may yet debit, for a chain that nobody waits for; product undoes its own part. */
  const refund = ({ id: orderId, userId }: Order) =>
    rpc.insist(
      `refund of order ${orderId}`,
      async () => (await rpc.call('user_refund', { orderId, userId }, { evenIfOpen: true })).ok,
    )

  const runChain = async (order: Order, cause: Cause, deadline: Deadline): Promise<Order> => {
    const { id: orderId, userId } = order
    const items = order.items.map(({ productId, quantity }) => ({ productId, quantity }))
    try {
      const options = { deadline, traceparent: cause.traceparent }
      const reply = await rpc.call('product_stock_update', { orderId, userId, items }, options)
      if (reply.ok) return await succeed(order, reply, cause)
      return await fail(order, 'reason' in reply ? reply.reason : 'rpc_timeout', cause)
    } catch (error) {
      if (!(error instanceof RpcFailed)) throw error
      log.warn({ orderId, reason: describe(error) }, 'the chain did not answer')
      const ended = await fail(order, 'rpc_timeout', cause)
      if (error.certainty === 'unknown' && ended.status === 'FAILED') refund(ended)
      return ended
    }
  }

  const coordinate: Coordination['coordinate'] = async (order, cause, deadline) => {
    if (order.mode !== 'rpc' || order.status !== 'PROCESSING') return order
    const known = running.get(order.id)
    if (known !== undefined) return known
    const leftMs = Math.min(timeoutMs, deadline?.leftMs() ?? timeoutMs)
    const chain = runChain(order, cause, deadlineIn(leftMs)).finally(() => running.delete(order.id))
    running.set(order.id, chain)
    return chain
  }

  return {
    mode: 'rpc',
    coordinate,
    async resume(orderId, cause, deadline) {
      const order = await read(orderId)
      return order?.mode === 'rpc' ? coordinate(order, cause, deadline) : undefined
    },
    settled(order) {
      if (order.mode !== 'rpc' || order.status !== 'FAILED') return
      // Its chain was cut by a crash, or will learn of it only when it reports.
      if (order.reason === 'expired' || order.reason === 'cancelled') refund(order)
    },
  }
}
