import { exact, type Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'

/** A user as everyone may see it; balance in minor units. */
export interface User {
  id: string
  name: string
  email: string
  balance: number
  createdAt: Date
  updatedAt: Date
}

const columns = 'id, name, email, balance, created_at as "createdAt", updated_at as "updatedAt"'

type Row = Omit<User, 'balance'> & { balance: bigint }
const users = (rows: readonly Row[]): User[] => rows.map((row) => ({ ...row, balance: exact(row.balance) }))

/** The one user of a statement; throws Refused when it is unknown or deleted. */
const only = (id: string, rows: readonly Row[]): User => {
  const [user] = users(rows)
  if (user === undefined) throw unknownUser(id)
  return user
}

export const unknownUser = (id: string) =>
  new Refused('not_found', `There is no user ${id}.`, {
    code: 'user.not_found',
    next: 'GET /users lists all of them.',
  })

export const insertUser = async (
  sql: Sql,
  { id, name, email, balance }: Pick<User, 'id' | 'name' | 'email' | 'balance'>,
): Promise<User> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `insert into users (id, name, email, balance, opening_balance, updated_at)
       values ($1::uuid, $2, $3, $4::bigint, $4::bigint, clock_timestamp())
       returning ${columns}`,
      id,
      name,
      email,
      balance,
    ),
  )

export const selectUser = async (sql: Sql, id: string): Promise<User> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `select ${columns} from users where id = $1::uuid and deleted_at is null`,
      id,
    ),
  )

/** Newest first; `after` is the id of the last one seen. Deleted ones are left out. */
export const selectUsers = async (
  sql: Sql,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<User[]> =>
  users(
    await sql.$queryRawUnsafe<Row[]>(
      `select ${columns} from users
       where deleted_at is null and ($1::uuid is null or id < $1::uuid)
       order by id desc limit $2::integer`,
      after ?? null,
      limit,
    ),
  )

export const updateUser = async (
  sql: Sql,
  id: string,
  { name, email }: { name?: string | undefined; email?: string | undefined },
): Promise<User> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `update users set name = coalesce($2, name), email = coalesce($3, email)
       where id = $1::uuid and deleted_at is null
       returning ${columns}`,
      id,
      name ?? null,
      email ?? null,
    ),
  )

/** Part of a deposit: see ledger.ts. */
export const raiseBalance = async (tx: Sql, id: string, amount: number): Promise<User> =>
  only(
    id,
    await tx.$queryRawUnsafe<Row[]>(
      `update users set balance = balance + $2::bigint where id = $1::uuid returning ${columns}`,
      id,
      amount,
    ),
  )

/** The row stays for its ledger; throws Refused when it is unknown or deleted before. */
export const deleteUser = async (sql: Sql, id: string): Promise<void> => {
  const deleted = await sql.$executeRawUnsafe(
    'update users set deleted_at = clock_timestamp() where id = $1::uuid and deleted_at is null',
    id,
  )
  if (deleted === 0) throw unknownUser(id)
}
