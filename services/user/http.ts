import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { Id, Money } from '../../shared/contracts/index.ts'
import { Cursor, invalid, Limit, Page, page, type Route, route, Text } from '../../shared/http/index.ts'
import type { UserDatabase } from './database.ts'
import { deposit, type LedgerEntry, selectLedger } from './ledger.ts'
import { deleteUser, insertUser, selectUser, selectUsers, type User, updateUser } from './records.ts'

const Name = Text(200)
/** As long as mail can be delivered to; see RFC 5321, 4.5.3.1.3. */
const Email = z.email().max(254)

const UserBody = z.object({
  id: Id,
  name: z.string(),
  email: z.string(),
  balance: Money,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})

const LedgerEntryBody = z.object({
  id: z.string(),
  kind: z.enum(['DEBIT', 'REFUND', 'DEPOSIT']),
  amount: Money,
  orderId: Id.nullable(),
  createdAt: z.iso.datetime(),
})

const NewUser = z.strictObject({ name: Name, email: Email, balance: Money.default(0) })
const UserChange = z
  .strictObject({ name: Name.optional(), email: Email.optional() })
  .refine(({ name, email }) => name !== undefined || email !== undefined, 'must change name or email')
const Deposit = z.strictObject({ amount: Money.min(1) })

const one = z.object({ id: Id })
const list = z.object({ limit: Limit, cursor: Cursor('users', z.tuple([Id])).optional() })
const ledgerList = z.object({
  limit: Limit,
  cursor: Cursor('ledger', z.tuple([Id, z.string().regex(/^\d{1,18}$/)])).optional(),
})

const bodyOf = (user: User): z.output<typeof UserBody> => ({
  ...user,
  createdAt: user.createdAt.toISOString(),
  updatedAt: user.updatedAt.toISOString(),
})
const entryOf = (entry: LedgerEntry): z.output<typeof LedgerEntryBody> => ({
  ...entry,
  createdAt: entry.createdAt.toISOString(),
})

const foreignCursor = () =>
  invalid([{ pointer: '/query/cursor', message: 'is not a cursor of this list' }], 'cursor.invalid')

/** What the user service serves; lists are newest first, and a deleted user is not found, but its ledger is. */
export const userRoutes = (database: UserDatabase, newId: () => string = uuidv7): Route[] => [
  registerUser(database, newId),
  listUsers(database),
  getUser(database),
  changeUser(database),
  depositTo(database),
  listLedger(database),
  closeUser(database),
]

const registerUser = ({ client }: UserDatabase, newId: () => string) =>
  route({
    method: 'POST',
    path: '/users',
    summary: 'Register a user',
    body: NewUser,
    answers: { 201: UserBody },
    answerHeaders: { Location: 'The address of the user' },
    handle: async ({ body }) => {
      const user = await insertUser(client, { id: newId(), ...body })
      return { status: 201, body: bodyOf(user), headers: { Location: `/users/${user.id}` } }
    },
  })

const listUsers = ({ client }: UserDatabase) =>
  route({
    method: 'GET',
    path: '/users',
    summary: 'List users, newest first',
    query: list,
    answers: { 200: Page(UserBody) },
    handle: async ({ query: { limit, cursor } }) => ({
      status: 200,
      body: await page({
        kind: 'users',
        limit,
        select: (atMost) => selectUsers(client, { limit: atMost, after: cursor?.[0] }),
        positionOf: ({ id }) => [id],
        bodyOf,
      }),
    }),
  })

const getUser = ({ client }: UserDatabase) =>
  route({
    method: 'GET',
    path: '/users/:id',
    summary: 'Read a user',
    params: one,
    answers: { 200: UserBody },
    handle: async ({ params }) => ({ status: 200, body: bodyOf(await selectUser(client, params.id)) }),
  })

const changeUser = ({ client }: UserDatabase) =>
  route({
    method: 'PATCH',
    path: '/users/:id',
    summary: 'Change the name or email of a user',
    params: one,
    body: UserChange,
    answers: { 200: UserBody },
    handle: async ({ params, body }) => ({
      status: 200,
      body: bodyOf(await updateUser(client, params.id, body)),
    }),
  })

const depositTo = ({ transaction }: UserDatabase) =>
  route({
    method: 'POST',
    path: '/users/:id/deposits',
    summary: 'Add to the balance of a user',
    params: one,
    body: Deposit,
    answers: { 201: UserBody },
    answerHeaders: { Location: 'The ledger of the user' },
    refusals: { 422: 'More than a user may pay in, in all' },
    handle: async ({ params, body }) => {
      const user = await transaction((tx) => deposit(tx, params.id, body.amount))
      return { status: 201, body: bodyOf(user), headers: { Location: `/users/${user.id}/ledger` } }
    },
  })

const listLedger = ({ client }: UserDatabase) =>
  route({
    method: 'GET',
    path: '/users/:id/ledger',
    summary: 'List what changed the balance of a user, newest first',
    params: one,
    query: ledgerList,
    answers: { 200: Page(LedgerEntryBody) },
    handle: async ({ params: { id }, query: { limit, cursor } }) => {
      if (cursor !== undefined && cursor[0] !== id) throw foreignCursor()
      const body = await page({
        kind: 'ledger',
        limit,
        select: (atMost) => selectLedger(client, id, { limit: atMost, after: cursor?.[1] }),
        positionOf: (entry) => [id, entry.id],
        bodyOf: entryOf,
      })
      return { status: 200, body }
    },
  })

const closeUser = ({ client }: UserDatabase) =>
  route({
    method: 'DELETE',
    path: '/users/:id',
    summary: 'Close the account of a user; its ledger stays',
    params: one,
    answers: { 204: null },
    handle: async ({ params }) => {
      await deleteUser(client, params.id)
      return { status: 204 }
    },
  })
