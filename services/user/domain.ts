import type { DomainEvent, EventData, Reason } from '../../shared/contracts/index.ts'
import type { Decision } from '../../shared/saga/index.ts'

/** What a payment may see and change of a user; balance in minor units. */
export interface Account {
  id: string
  balance: number
  deleted: boolean
}

/** What user did for one order; undefined: nothing yet. REJECTED is final, and refuses a cause that comes late. */
export type Payment =
  | { status: 'DEBITED' | 'REFUNDED'; userId: string; amount: number }
  | { status: 'REJECTED'; userId: string; reason: Reason }

/** All that one decision looks at: the order's payment, and the account it concerns, where it exists. */
export interface BalanceState {
  orderId: string
  payment: Payment | undefined
  account: Account | undefined
}

type BalanceDecision<Event extends 'BalanceDebited' | 'BalanceRejected' | 'BalanceRefunded'> = Decision<
  BalanceState,
  DomainEvent<Event>
>

/** Takes the total of an order from its user's balance, once. */
export const debitBalance = (
  state: BalanceState,
  { data: reserved }: DomainEvent<'StockReserved'>,
): BalanceDecision<'BalanceDebited' | 'BalanceRejected'> => {
  switch (state.payment?.status) {
    case 'DEBITED':
    case 'REFUNDED':
      return { state, events: [] }
    case 'REJECTED':
      return { state, events: [balanceRejected(reserved, state.payment.reason)] }
    case undefined:
      return debitOnce(state, reserved)
  }
}

/**
 * Gives back what was debited, to the user it was taken from, even if deleted since. An order that fails before it was
 * seen is remembered, so that its late StockReserved is refused. A refund always fits the balance: see ledger.ts.
 */
export const refundBalance = (
  state: BalanceState,
  { data: { orderId, userId, reason } }: DomainEvent<'OrderFailed'>,
): BalanceDecision<'BalanceRefunded'> => {
  switch (state.payment?.status) {
    case undefined:
      return { state: { ...state, payment: { status: 'REJECTED', userId, reason } }, events: [] }
    case 'DEBITED': {
      const { payment, account } = state
      if (account?.id !== payment.userId)
        throw new Error(`the account debited for order ${orderId} is not in the state`)
      return {
        state: {
          ...state,
          payment: { ...payment, status: 'REFUNDED' },
          account: { ...account, balance: account.balance + payment.amount },
        },
        events: [
          { type: 'BalanceRefunded', data: { orderId, userId: payment.userId, amount: payment.amount } },
        ],
      }
    }
    case 'REFUNDED':
    case 'REJECTED':
      return { state, events: [] }
  }
}

const debitOnce = (
  state: BalanceState,
  reserved: EventData<'StockReserved'>,
): BalanceDecision<'BalanceDebited' | 'BalanceRejected'> => {
  const { orderId, userId, total: amount, items } = reserved
  const { account } = state
  const refuse = (reason: Reason): BalanceDecision<'BalanceRejected'> => ({
    state: { ...state, payment: { status: 'REJECTED', userId, reason } },
    events: [balanceRejected(reserved, reason)],
  })
  if (account === undefined || account.deleted) return refuse('unknown_user')
  if (account.balance < amount) return refuse('insufficient_balance')
  return {
    state: {
      ...state,
      payment: { status: 'DEBITED', userId, amount },
      account: { ...account, balance: account.balance - amount },
    },
    events: [{ type: 'BalanceDebited', data: { orderId, userId, amount, items } }],
  }
}

const balanceRejected = (
  { orderId, userId }: EventData<'StockReserved'>,
  reason: Reason,
): DomainEvent<'BalanceRejected'> => ({ type: 'BalanceRejected', data: { orderId, userId, reason } })
