import { maxMoney } from '../../shared/contracts/index.ts'
import { exact, type Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { raiseBalance, type User, unknownUser } from './records.ts'

/** One movement of a balance: amount in minor units and never negative, kind says the direction. */
export interface LedgerEntry {
  id: string
  kind: 'DEBIT' | 'REFUND' | 'DEPOSIT'
  amount: number
  /** Null for a deposit. */
  orderId: string | null
  createdAt: Date
}

/**
 * Adds to the balance, with its row in the ledger. What a user ever paid in, opening balance and deposits together, stays
 * within maxMoney: so whatever is refunded later fits, and no refund is ever stuck.
 */
export const deposit = async (tx: Sql, id: string, amount: number): Promise<User> => {
  const paidIn = await lockPaidIn(tx, id)
  if (paidIn + BigInt(amount) > BigInt(maxMoney)) {
    throw new Refused('mismatch', `User ${id} may pay in ${maxMoney} in all, and paid in ${paidIn}.`, {
      code: 'user.balance_limit',
      next: 'Deposit less.',
    })
  }
  await insertDeposit(tx, id, amount)
  return raiseBalance(tx, id, amount)
}

const lockPaidIn = async (tx: Sql, id: string): Promise<bigint> => {
  const locked = await tx.$queryRawUnsafe<{ opening: bigint }[]>(
    'select opening_balance as opening from users where id = $1::uuid and deleted_at is null for update',
    id,
  )
  if (locked[0] === undefined) throw unknownUser(id)
  // A statement of its own after the lock, so that it sees the deposit waited for.
  const [deposits] = await tx.$queryRawUnsafe<{ amount: bigint }[]>(
    `select coalesce(sum(amount), 0)::bigint as amount from ledger where user_id = $1::uuid and kind = 'DEPOSIT'`,
    id,
  )
  return BigInt(locked[0].opening) + BigInt(deposits?.amount ?? 0)
}

const insertDeposit = (tx: Sql, id: string, amount: number) =>
  tx.$executeRawUnsafe(
    `insert into ledger (user_id, kind, amount) values ($1::uuid, 'DEPOSIT', $2::bigint)`,
    id,
    amount,
  )

/** Newest first, of a deleted user too; `after` is the id of the last entry seen. Throws Refused for an unknown user. */
export const selectLedger = async (
  sql: Sql,
  userId: string,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<LedgerEntry[]> => {
  const known = await sql.$queryRawUnsafe<unknown[]>(
    'select 1 as known from users where id = $1::uuid',
    userId,
  )
  if (known.length === 0) throw unknownUser(userId)
  type EntryRow = Omit<LedgerEntry, 'amount'> & { amount: bigint }
  const rows = await sql.$queryRawUnsafe<EntryRow[]>(
    `select id::text, kind::text, amount, order_id as "orderId", created_at as "createdAt" from ledger
     where user_id = $1::uuid and ($2::bigint is null or id < $2::bigint)
     order by id desc limit $3::integer`,
    userId,
    after ?? null,
    limit,
  )
  return rows.map((row) => ({ ...row, amount: exact(row.amount) }))
}
