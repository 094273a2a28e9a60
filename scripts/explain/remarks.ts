import type { ServiceName } from '../../shared/contracts/index.ts'
import type { OrderRows, OutboxRow } from './rows.ts'

/** Reasons that only the order service gives: a rejection for one of them refuses a cause that came after the failure. */
const ordersOwnReasons = new Set(['cancelled', 'expired', 'rpc_timeout'])

/** What is special about how `to` handled an event; undefined when it did what the table says. */
export const remarkOn = (
  rows: OrderRows,
  event: OutboxRow,
  to: ServiceName,
  handledAt: Date,
  effects: readonly OutboxRow[],
): string | undefined => {
  if (to === 'order') return effects.length > 0 ? undefined : tooLate(rows, event, handledAt)
  const state = to === 'product' ? rows.reservation : rows.payment
  if (event.type === 'OrderFailed')
    return effects.length > 0 ? undefined : nothingToUndo(rows, to, state?.status)
  if (effects.length === 0) return isLocked(rows, to) ? undefined : absorbed(to, state?.status)
  const isRefusal = effects.some(
    ({ type, payload }) =>
      (type === 'StockRejected' || type === 'BalanceRejected') &&
      ordersOwnReasons.has(String(payload.reason)),
  )
  return isRefusal
    ? `came too late and was refused: ${to} had heard of the failure before, and remembered it`
    : undefined
}

/** Without its rows nothing is said about a service. */
const isLocked = ({ unreadable }: OrderRows, service: ServiceName) =>
  unreadable.some((it) => it.service === service)

const tooLate = (rows: OrderRows, { type }: OutboxRow, handledAt: Date): string | undefined => {
  if (isLocked(rows, 'order')) return undefined
  const end = rows.history.find(({ status }) => status !== 'PROCESSING')
  if (end === undefined) return 'changed nothing, and said nothing'
  const how = `${end.status}${end.reason === null ? '' : ` (${end.reason})`}`
  const since = handledAt.getTime() - end.at.getTime()
  const age = since > 0 ? ` for ${since} ms` : ''
  const refund = type === 'BalanceDebited' && end.status === 'FAILED' ? '; user refunds on OrderFailed' : ''
  return `came too late and changed nothing: the order was ${how}${age}${refund}`
}

const nothingToUndo = (rows: OrderRows, to: ServiceName, status: string | undefined): string | undefined => {
  if (status === undefined || isLocked(rows, to)) return undefined
  const [cause, did] = to === 'product' ? ['OrderPlaced', 'reserved'] : ['StockReserved', 'debited']
  if (status === 'RELEASED' || status === 'REFUNDED') return 'changed nothing: it was undone before'
  const undone = `nothing to undo: ${to} had ${did} nothing`
  // Whether the cause it remembers against ever comes or not: this row is what refuses it.
  const causeRow = rows.outbox.find(({ type }) => type === cause)
  const handledCause = rows.inbox.find(
    ({ service, eventId }) => service === to && eventId === causeRow?.eventId,
  )
  const failedAt = rows.inbox.find(
    ({ service, eventId }) =>
      service === to && rows.outbox.some((it) => it.eventId === eventId && it.type === 'OrderFailed'),
  )?.handledAt
  const cameFirst =
    handledCause === undefined || (failedAt !== undefined && handledCause.handledAt > failedAt)
  return cameFirst ? `${undone}; remembered, so that a late ${cause} is refused` : undone
}

const absorbed = (to: ServiceName, status: string | undefined): string =>
  status === undefined
    ? 'changed nothing, and said nothing'
    : `absorbed: ${to} had done its part before (${status})`
