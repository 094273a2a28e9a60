import type { PricedLine, Reason, ReplyOf, RequestOf } from '../../shared/contracts/index.ts'
import { describe, Refused } from '../../shared/failure/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { type Call, type Procedure, procedure, type RpcClient, RpcFailed } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import { collect, hasSucceededElseFail, type Ids, type Purchase, refund, report } from './calls.ts'
import type { Reservation, StockState } from './domain.ts'

export interface ProductProcedureParts {
  askSilently(input: Input): Promise<StockState>
  rpc: RpcClient
  log: Log
}

type Request = RequestOf<'product_stock_update'>
type Reply = ReplyOf<'product_stock_update'>

/** Takes the stock, has it paid, has the order told, and undoes what it did when one of them says no or nothing. */
export const productProcedures = (parts: ProductProcedureParts): Procedure[] => [
  procedure('product_stock_update', (request, call) => update(parts, request, call)),
]

const update = async (parts: ProductProcedureParts, request: Request, call: Call): Promise<Reply> => {
  try {
    const reservation = await reserve(parts, request)
    if (reservation?.status !== 'RESERVED') {
      // What was released stays released, however often it is asked for.
      const reason = reservation?.status === 'REJECTED' ? reservation.reason : 'rpc_timeout'
      return { ok: false, reason }
    }
    const { orderId, userId } = request
    const { total, items } = reservation
    return await pay(parts, { orderId, userId, total, items: [...items] }, call)
  } catch (error) {
    // The database went in between: the stock may be taken without our knowing.
    if (!(error instanceof Refused)) await keptElseUndone(parts, request, call, false)
    throw error
  }
}

const reserve = async (
  { askSilently }: ProductProcedureParts,
  { orderId, userId, items }: Request,
): Promise<Reservation | undefined> => {
  const { reservation } = await askSilently({ type: 'OrderPlaced', data: { orderId, userId, items } })
  if (reservation?.status === 'RESERVED' && !isFor(reservation.items, items)) {
    throw new Refused('conflict', `Order ${orderId} was reserved with other items.`, {
      code: 'reservation.exists',
    })
  }
  return reservation
}

const isFor = (reserved: readonly PricedLine[], lines: Request['items']) =>
  reserved.length === lines.length &&
  lines.every(({ productId, quantity }) =>
    reserved.some((line) => line.productId === productId && line.quantity === quantity),
  )

const pay = async (parts: ProductProcedureParts, purchase: Purchase, call: Call): Promise<Reply> => {
  const payment = await collect(parts.rpc, purchase, call)
  if (payment.kind === 'paid') return conclude(parts, purchase, call)
  if (payment.kind === 'refused') {
    await undo(parts, purchase, payment.reason, false)
    return { ok: false, reason: payment.reason }
  }
  const { total, items } = purchase
  if (await keptElseUndone(parts, purchase, call, payment.mayBeDebited)) return { ok: true, total, items }
  return { ok: false, reason: 'rpc_timeout' }
}

const conclude = async (parts: ProductProcedureParts, purchase: Purchase, call: Call): Promise<Reply> => {
  const { rpc, log } = parts
  const { orderId, total, items } = purchase
  try {
    const objection = await report(rpc, purchase, call)
    if (objection === undefined) return { ok: true, total, items }
    await undo(parts, purchase, 'rpc_timeout', true)
    return objection
  } catch (error) {
    if (!(error instanceof RpcFailed)) throw error
    // Our caller knows the order and may still wait; in case it doesn't, the order is asked what became of it.
    log.warn({ orderId, reason: describe(error) }, 'the order was not told')
    rpc.insist(`report to order ${orderId}`, async () => {
      if ((await report(rpc, purchase)) !== undefined) await undo(parts, purchase, 'rpc_timeout', true)
      return true
    })
    return { ok: true, total, items }
  }
}

/**
 * Whether the order has succeeded by another request for it, and keeps what it has. Otherwise it fails, and all is undone. While the order
 * does not say, nothing is: it is asked again behind the reply.
 */
const keptElseUndone = async (
  parts: ProductProcedureParts,
  ids: Ids,
  call: Call,
  mayBeDebited: boolean,
): Promise<boolean> => {
  const { rpc, log } = parts
  const { orderId } = ids
  const decide = async (within?: Call) => {
    const kept = await hasSucceededElseFail(rpc, ids, within)
    if (!kept) await undo(parts, ids, 'rpc_timeout', mayBeDebited)
    return kept
  }
  try {
    return await decide(call)
  } catch (error) {
    if (!(error instanceof RpcFailed)) throw error
    log.warn({ orderId, reason: describe(error) }, 'the order does not say what became of it')
    rpc.insist(`undo of order ${orderId}`, () => decide().then(() => true))
    return false
  }
}

/** The stock is back when this returns, unless the database is away: then it, and money always, is given back behind the reply. */
const undo = async (
  { askSilently, rpc }: ProductProcedureParts,
  { orderId, userId }: Ids,
  reason: Reason,
  mayBeDebited: boolean,
) => {
  if (mayBeDebited) rpc.insist(`refund of order ${orderId}`, () => refund(rpc, { orderId, userId }))
  const release = async () => {
    await askSilently({ type: 'OrderFailed', data: { orderId, userId, reason } })
    return true
  }
  await release().catch(() => rpc.insist(`release of order ${orderId}`, release))
}
