import type { Reason } from '../../shared/contracts/index.ts'
import { exact, type Sql } from '../../shared/database/index.ts'
import type { Account, Payment } from './domain.ts'

export interface Entry {
  orderId: string
  userId: string
  kind: 'DEBIT' | 'REFUND'
  amount: number
}

export const selectPayments = async (
  sql: Sql,
  orderIds: readonly string[],
): Promise<Map<string, Payment>> => {
  type Row = { id: string; userId: string; status: Payment['status']; reason: Reason; amount: bigint }
  const rows = await sql.$queryRawUnsafe<Row[]>(
    `select order_id as id, user_id as "userId", status::text, reason, amount
     from payments where order_id = any($1::uuid[])`,
    orderIds,
  )
  return new Map(
    rows.map(({ id, userId, status, reason, amount }) => [
      id,
      status === 'REJECTED' ? { status, userId, reason } : { status, userId, amount: exact(amount) },
    ]),
  )
}

/** The accounts of these users, and those that the orders were charged to. */
export const selectAccountsForUpdate = async (
  sql: Sql,
  { userIds, orderIds }: { userIds: readonly string[]; orderIds: readonly string[] },
): Promise<Map<string, Account>> => {
  type Row = { id: string; balance: bigint; deleted: boolean }
  const rows = await sql.$queryRawUnsafe<Row[]>(
    `select id, balance, deleted_at is not null as deleted
     from users
     where id = any($1::uuid[] || array(select user_id from payments where order_id = any($2::uuid[])))
     order by id for update`,
    userIds,
    orderIds,
  )
  return new Map(rows.map((row) => [row.id, { ...row, balance: exact(row.balance) }]))
}

export interface BalanceChanges {
  payments: readonly (readonly [string, Payment])[]
  entries: readonly Entry[]
  accounts: readonly Account[]
}

/** All that a batch changed, in one round trip. */
export const saveBalances = (sql: Sql, { payments, entries, accounts }: BalanceChanges) =>
  sql.$executeRawUnsafe(
    `with paid as (
       insert into payments (order_id, user_id, status, reason, amount)
       select "orderId", "userId", status, reason, amount
       from jsonb_to_recordset($1::jsonb)
         as it ("orderId" uuid, "userId" uuid, status payment_status, reason text, amount bigint)
       on conflict (order_id) do update set status = excluded.status
     ), entered as (
       insert into ledger (order_id, user_id, kind, amount)
       select "orderId", "userId", kind, amount
       from jsonb_to_recordset($2::jsonb)
         as it ("orderId" uuid, "userId" uuid, kind ledger_kind, amount bigint)
     )
     update users u set balance = it.balance
     from jsonb_to_recordset($3::jsonb) as it (id uuid, balance bigint)
     where u.id = it.id`,
    JSON.stringify(payments.map(([orderId, payment]) => ({ orderId, ...payment }))),
    JSON.stringify(entries),
    JSON.stringify(accounts.map(({ id, balance }) => ({ id, balance }))),
  )
