import type { PricedLine, Reason, ReplyOf, RequestOf } from '../../shared/contracts/index.ts'
import { type Call, type RpcClient, RpcFailed } from '../../shared/rpc/index.ts'

export type Ids = Pick<RequestOf<'product_stock_update'>, 'orderId' | 'userId'>
/** What is taken for an order and has to be paid. */
export type Purchase = Ids & { total: number; items: PricedLine[] }
export type Payment =
  | { kind: 'paid' }
  | { kind: 'refused'; reason: Reason }
  /** No answer, or none that says what was decided. */
  | { kind: 'doubtful'; mayBeDebited: boolean }

/** Has the user pay. */
export const collect = async (
  rpc: RpcClient,
  { orderId, userId, total }: Purchase,
  call: Call,
): Promise<Payment> => {
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

/** Gives back what was paid, and has a debit that comes later refused; whether that is done. */
export const refund = async (rpc: RpcClient, { orderId, userId }: Ids): Promise<boolean> =>
  (await rpc.call('user_refund', { orderId, userId }, { evenIfOpen: true })).ok

/**
 * Whether the order has succeeded, and keeps what it has. Otherwise it fails, so that no other request for it can succeed.
 * Throws RpcFailed when the order does not say.
 */
export const hasSucceededElseFail = async (
  rpc: RpcClient,
  { orderId }: Pick<Ids, 'orderId'>,
  call?: Call,
): Promise<boolean> => {
  const failure = { orderId, status: 'FAILED', reason: 'rpc_timeout' } as const
  const reply = await rpc.call('order_status_update', failure, call ?? { evenIfOpen: true })
  if (reply.ok || reply.error.code === 'order.not_found') return false
  if (reply.error.code === 'order.terminal') return true
  throw undecided(reply)
}

/** The order can't succeed by this purchase: it failed, was never placed, or is somebody else's or something else. */
const objections = new Set(['order.terminal', 'order.not_found', 'order.other_user', 'order.other_items'])

/** Tells the order that it is paid; what it says against it, if anything. Throws RpcFailed, and when the order service could not decide. */
export const report = async (
  rpc: RpcClient,
  { orderId, userId, total, items }: Purchase,
  call?: Call,
): Promise<(ReplyOf<'order_status_update'> & { ok: false }) | undefined> => {
  const success = { orderId, userId, status: 'SUCCESS', total, items } as const
  const reply = await rpc.call('order_status_update', success, call ?? { evenIfOpen: true })
  if (reply.ok) return undefined
  if (objections.has(reply.error.code)) return reply
  throw undecided(reply)
}

const undecided = ({ error }: { error: { code: string; message: string } }) =>
  new RpcFailed(error.message, 'unknown', error.code)
