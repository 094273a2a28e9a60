import type { Database, Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { insertNew } from '../../shared/outbox/index.ts'
import { type Procedure, procedure } from '../../shared/rpc/index.ts'
import type { Input } from '../../shared/saga/index.ts'
import { type CommandDoor, command } from '../../shared/service/index.ts'
import type { BalanceState } from './domain.ts'
import { deposit } from './ledger.ts'
import { selectPayments } from './statements.ts'

export interface UserProcedureParts {
  askSilently(input: Input): Promise<BalanceState>
  sql: Sql
}

/** The same decisions as behind the events, answered to the caller. */
export const userProcedures = ({ askSilently, sql }: UserProcedureParts): Procedure[] => [
  procedure('user_check', async ({ orderId, userId, amount }) => {
    const reserved = { orderId, userId, total: amount, items: [] }
    const { payment, account } = await askSilently({ type: 'StockReserved', data: reserved })
    if (payment?.status === 'DEBITED') {
      if (payment.userId !== userId || payment.amount !== amount) throw paidOtherwise(orderId)
      return { ok: true, balance: account?.balance ?? 0 }
    }
    // What was refunded stays refunded, however often it is asked for.
    return { ok: false, reason: payment?.status === 'REJECTED' ? payment.reason : 'rpc_timeout' }
  }),

  // The last step of an undo: that the order has failed is its caller's to know.
  procedure('user_refund', async ({ orderId, userId }) => {
    // Looked up before, for the decision gives the payer his money back whoever is named; a payment's user never changes.
    const paid = (await selectPayments(sql, [orderId])).get(orderId)
    if (paid !== undefined && paid.status !== 'REJECTED' && paid.userId !== userId)
      throw paidOtherwise(orderId)
    const failed = { orderId, userId, reason: 'rpc_timeout' }
    const { payment } = await askSilently({ type: 'OrderFailed', data: failed })
    return { ok: true, refunded: payment?.status === 'REFUNDED' ? payment.amount : 0 }
  }),
]

const paidOtherwise = (orderId: string) =>
  new Refused('conflict', `Order ${orderId} was paid by another user or with another amount.`, {
    code: 'payment.exists',
  })

/** A payment came in: one deposit per messageId, in the transaction that remembers the message. */
export const userCommands = ({ transaction }: Pick<Database, 'transaction'>): CommandDoor[] => [
  command('payment.process', ({ userId, amount }, { messageId }) =>
    transaction(async (tx) => {
      const isNew = (await insertNew(tx, 'payment.process', [messageId])).size > 0
      if (isNew) await deposit(tx, userId, amount)
    }),
  ),
]
