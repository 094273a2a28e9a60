import type { PricedLine, Reason, ReplyOf, RequestOf } from '../../shared/contracts/index.ts'
import { describe, Refused } from '../../shared/failure/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { type Call, type Procedure, procedure, type RpcClient, RpcFailed } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import type { Reservation, StockState } from './domain.ts'

export interface ProductProcedureParts {
  askSilently(input: Input): Promise<StockState>
  rpc: RpcClient
  log: Log
}

type Request = RequestOf<'product_stock_update'>
type Reply = ReplyOf<'product_stock_update'>
/** What is taken for an order and has to be paid. */
type Purchase = Pick<Request, 'orderId' | 'userId'> & { total: number; items: PricedLine[] }
type Payment =
  | { kind: 'paid' }
  | { kind: 'refused'; reason: Reason }
  /** No answer, or none that says what was decided. */
  | { kind: 'doubtful'; mayBeDebited: boolean }

/** Takes the stock, has it paid, has the order told, and undoes what it did when one of them says no or nothing. */
export const productProcedures = ({ askSilently, rpc, log }: ProductProcedureParts): Procedure[] => {
  const release = async ({ orderId, userId }: Pick<Request, 'orderId' | 'userId'>, reason: Reason) => {
    await askSilently({ type: 'OrderFailed', data: { orderId, userId, reason } })
    return true
  }

  /** Also refuses a debit that comes later. */
  const refund = async ({ orderId, userId }: Pick<Request, 'orderId' | 'userId'>) =>
    (await rpc.call('user_refund', { orderId, userId }, { evenIfOpen: true })).ok

  /** The stock is back when this returns, unless the database is away: then it, and money always, is given back behind the reply. */
  const undo = async (
    purchase: Pick<Request, 'orderId' | 'userId'>,
    reason: Reason,
    mayBeDebited: boolean,
  ) => {
    if (mayBeDebited) rpc.insist(`refund of order ${purchase.orderId}`, () => refund(purchase))
    const back = () => release(purchase, reason)
    await back().catch(() => rpc.insist(`release of order ${purchase.orderId}`, back))
  }

  const collect = async ({ orderId, userId, total }: Purchase, call: Call): Promise<Payment> => {
    try {
      const checked = await rpc.call('user_check', { orderId, userId, amount: total }, call)
      if (checked.ok) return { kind: 'paid' }
      if ('reason' in checked) return { kind: 'refused', reason: checked.reason }
      return { kind: 'doubtful', mayBeDebited: true }
    } catch (error) {
      if (!(error instanceof RpcFailed)) throw error
      return { kind: 'doubtful', mayBeDebited: error.certainty === 'unknown' }
    }
  }

  /** The order decides: once it failed it can't succeed by another request for it, and one that has succeeded keeps what it has. */
  const hasSucceeded = async ({ orderId }: Pick<Request, 'orderId'>, call: Call): Promise<boolean> => {
    const failure = { orderId, status: 'FAILED', reason: 'rpc_timeout' } as const
    const reply = await rpc.call('order_status_update', failure, call).catch(() => undefined)
    return reply !== undefined && 'error' in reply && reply.error.code === 'order.terminal'
  }

  /** Tells the order; what it says against it, if anything. Throws RpcFailed, and when the order service could not decide. */
  const report = async ({ orderId, total, items }: Purchase, call?: Call) => {
    const success = { orderId, status: 'SUCCESS', total, items } as const
    const reply = await rpc.call('order_status_update', success, call ?? { evenIfOpen: true })
    if (reply.ok) return undefined
    if (reply.error.code === 'order.terminal' || reply.error.code === 'order.not_found') return reply
    throw new RpcFailed(reply.error.message, 'unknown', reply.error.code)
  }

  const conclude = async (purchase: Purchase, call: Call): Promise<Reply> => {
    const { orderId, total, items } = purchase
    try {
      const objection = await report(purchase, call)
      if (objection === undefined) return { ok: true, total, items }
      await undo(purchase, 'rpc_timeout', true)
      return objection
    } catch (error) {
      if (!(error instanceof RpcFailed)) throw error
      // Our caller knows the order and may still wait; in case it doesn't, the order is asked what became of it.
      log.warn({ orderId, reason: describe(error) }, 'the order was not told')
      rpc.insist(`report to order ${orderId}`, async () => {
        if ((await report(purchase)) !== undefined) await undo(purchase, 'rpc_timeout', true)
        return true
      })
      return { ok: true, total, items }
    }
  }

  const pay = async (purchase: Purchase, call: Call): Promise<Reply> => {
    const payment = await collect(purchase, call)
    if (payment.kind === 'paid') return conclude(purchase, call)
    if (payment.kind === 'refused') {
      await undo(purchase, payment.reason, false)
      return { ok: false, reason: payment.reason }
    }
    if (await hasSucceeded(purchase, call)) return { ok: true, total: purchase.total, items: purchase.items }
    await undo(purchase, 'rpc_timeout', payment.mayBeDebited)
    return { ok: false, reason: 'rpc_timeout' }
  }

  const reserve = async ({ orderId, userId, items }: Request): Promise<Reservation | undefined> => {
    const { reservation } = await askSilently({ type: 'OrderPlaced', data: { orderId, userId, items } })
    if (reservation?.status === 'RESERVED' && !isFor(reservation.items, items)) {
      throw new Refused('conflict', `Order ${orderId} was reserved with other items.`, {
        code: 'reservation.exists',
      })
    }
    return reservation
  }

  const update = async (request: Request, call: Call): Promise<Reply> => {
    try {
      const reservation = await reserve(request)
      if (reservation?.status !== 'RESERVED') {
        // What was released stays released, however often it is asked for.
        const reason = reservation?.status === 'REJECTED' ? reservation.reason : 'rpc_timeout'
        return { ok: false, reason }
      }
      const { orderId, userId } = request
      const { total, items } = reservation
      return await pay({ orderId, userId, total, items: [...items] }, call)
    } catch (error) {
      // The database went in between: the stock may be taken without our knowing.
      if (error instanceof Refused || (await hasSucceeded(request, call))) throw error
      await undo(request, 'rpc_timeout', false)
      throw error
    }
  }
  return [procedure('product_stock_update', update)]
}

const isFor = (reserved: readonly PricedLine[], lines: Request['items']) =>
  reserved.length === lines.length &&
  lines.every(({ productId, quantity }) =>
    reserved.some((line) => line.productId === productId && line.quantity === quantity),
  )
