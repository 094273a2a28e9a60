import { lockNames, type Sql } from '../../shared/database/index.ts'
import type { Input, Store } from '../../shared/saga/index.ts'
import type { Account, BalanceState, Payment } from './domain.ts'
import { type Entry, saveBalances, selectAccountsForUpdate, selectPayments } from './statements.ts'

export interface BalanceWorld {
  payments: Map<string, Payment>
  accounts: Map<string, Account>
  /** As loaded: what differs from it at the end is written. */
  before: { payments: ReadonlyMap<string, Payment>; accounts: ReadonlyMap<string, Account> }
}

// StockReserved and OrderFailed both name the order and its user.
const namedBy = (input: Input) => input.data as { orderId: string; userId: string }

/**
 * Payments and the accounts they concern. An order is locked by its id even before it has a row, so that two batches
 * never both find nothing; every read is a statement of its own after the lock, and so sees what the last holder committed.
 */
export const balanceStore: Store<Sql, BalanceWorld, BalanceState> = {
  async load(tx, inputs) {
    const named = inputs.map(namedBy)
    const orderIds = [...new Set(named.map(({ orderId }) => orderId))]
    const userIds = [...new Set(named.map(({ userId }) => userId))]
    const [, payments, accounts] = await Promise.all([
      lockNames(tx, orderIds),
      selectPayments(tx, orderIds),
      selectAccountsForUpdate(tx, { userIds, orderIds }),
    ])
    return { payments, accounts, before: { payments: new Map(payments), accounts: new Map(accounts) } }
  },

  /** The account is the one that was charged, whoever the input names. */
  read(world, input) {
    const { orderId, userId } = namedBy(input)
    const payment = world.payments.get(orderId)
    return { orderId, payment, account: world.accounts.get(payment?.userId ?? userId) }
  },

  write(world, { orderId, payment, account }) {
    if (payment !== undefined) world.payments.set(orderId, payment)
    if (account !== undefined) world.accounts.set(account.id, account)
  },

  async save(tx, { payments, accounts, before }) {
    const changed = [...payments].filter(([id, it]) => it !== before.payments.get(id))
    if (changed.length === 0) return
    await saveBalances(tx, {
      payments: changed,
      entries: changed.flatMap(([id, it]) => entriesOf(id, it, before.payments.get(id))),
      accounts: [...accounts.values()].filter((it) => it.balance !== before.accounts.get(it.id)?.balance),
    })
  },
}

/** A payment debited and refunded in one batch has both rows, as if it had been two batches. */
const entriesOf = (orderId: string, after: Payment, before: Payment | undefined): Entry[] => {
  if (after.status === 'REJECTED') return []
  const { userId, amount } = after
  const row = (kind: Entry['kind']) => ({ orderId, userId, kind, amount })
  return [
    ...(before === undefined ? [row('DEBIT')] : []),
    ...(after.status === 'REFUNDED' ? [row('REFUND')] : []),
  ]
}
