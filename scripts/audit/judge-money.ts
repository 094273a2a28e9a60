import type { MoneyFacts, OrderCase } from './facts.ts'
import type { Find, Finding } from './finding.ts'

/** The payment of an order and its ledger rows: I3 at every moment, I9 once the order is settled. */
export const judgeMoney = (
  facts: OrderCase,
  settled: 'SUCCESS' | 'FAILED' | undefined,
  find: Find,
): Finding[] => {
  const { id, money } = facts
  const own = (code: Parameters<Find>[0], what: string) => [find(code, 'user', { orderId: id }, what)]
  const doubled = money === undefined ? [] : judgeCounts(money, own)
  if (doubled.length > 0) return doubled
  const ended = judgeEnd(facts, settled, own)
  if (ended.length > 0 || money === undefined) return ended
  return judgePayment(money, own)
}

type Own = (code: Parameters<Find>[0], what: string) => Finding[]

const judgeCounts = (money: MoneyFacts, own: Own): Finding[] => {
  const { debits, refunds, debitAmount, refundAmount, debitUserId, refundUserId } = money
  if (debits > 1) return own('money.double_debit', `The order was debited ${debits} times.`)
  if (refunds > 1) return own('money.double_refund', `The order was refunded ${refunds} times.`)
  if (refunds === 0) return []
  if (debits === 0)
    return own('money.refund_mismatch', `${refundAmount} were refunded and nothing was debited.`)
  if (refundAmount !== debitAmount)
    return own('money.refund_mismatch', `${debitAmount} were debited and ${refundAmount} refunded.`)
  if (refundUserId !== debitUserId)
    return own('money.refund_mismatch', `User ${debitUserId} was debited and user ${refundUserId} refunded.`)
  return []
}

const judgeEnd = (
  { order, stock, money }: OrderCase,
  settled: 'SUCCESS' | 'FAILED' | undefined,
  own: Own,
): Finding[] => {
  const debits = money?.debits ?? 0
  const refunds = money?.refunds ?? 0
  if (settled === 'FAILED' && debits > 0 && refunds === 0)
    return own('money.held', `The order is FAILED, and ${money?.debitAmount} are still debited for it.`)
  if (settled !== 'SUCCESS' || order === undefined) return []
  if (debits === 0)
    return own('money.not_taken', `The order is SUCCESS over ${order.total}, and nothing was debited.`)
  if (refunds > 0)
    return own(
      'money.refunded_after_success',
      `The order is SUCCESS, and ${money?.refundAmount} were refunded.`,
    )
  if (money?.debitUserId !== order.userId)
    return own('money.wrong_user', `User ${order.userId} ordered, user ${money?.debitUserId} was debited.`)
  // If it is either of the two, the other one is wrong, and found there.
  const due = [order.total, stock?.reserveAmount ?? null].filter((it) => it !== null)
  if (due.length > 0 && !due.some((it) => it === money?.debitAmount))
    return own('money.wrong_amount', `${money?.debitAmount} were debited, ${due[0]} are due.`)
  return []
}

const expected = {
  DEBITED: { debit: 1, refund: 0 },
  REFUNDED: { debit: 1, refund: 1 },
  REJECTED: { debit: 0, refund: 0 },
} as const

const judgePayment = (money: MoneyFacts, own: Own): Finding[] => {
  const { status, debits, refunds, amount, debitAmount, userId, debitUserId } = money
  const rows = `${debits} DEBIT and ${refunds} REFUND rows`
  if (status === null)
    return debits + refunds > 0 ? own('money.payment_mismatch', `There is no payment, yet ${rows}.`) : []
  const { debit, refund } = expected[status]
  if (debits !== debit || refunds !== refund)
    return own('money.payment_mismatch', `The payment is ${status}, and there are ${rows}.`)
  if (debit === 1 && amount !== debitAmount)
    return own('money.payment_mismatch', `The payment says ${amount}, the ledger ${debitAmount}.`)
  if (debit === 1 && userId !== debitUserId)
    return own('money.payment_mismatch', `The payment is user ${userId}’s, the debit user ${debitUserId}’s.`)
  return []
}
