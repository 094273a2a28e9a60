import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maxMoney } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { deadlineIn } from '../../shared/rpc/index.ts'
import { decisionFor, type Input } from '../../shared/saga/index.ts'
import { withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openUserDatabase, type UserDatabase } from './database.ts'
import type { BalanceState } from './domain.ts'
import { userCommands, userProcedures } from './procedures.ts'
import { insertUser } from './records.ts'

const ada = '01900000-0000-7000-8000-c00000000001'
const nobody = '01900000-0000-7000-8000-c00000000009'
const order = (n: number) => `01900000-0000-7000-8000-b0000000000${n}`

interface Desk {
  check(orderId: string, amount: number, userId?: string): Promise<unknown>
  refund(orderId: string, userId?: string): Promise<unknown>
  pay(userId: string, amount: number, messageId?: string): Promise<void>
  balance(): Promise<number>
  ledger(): Promise<string[]>
}

/** The procedures and commands on a database of their own, with one user who has 1000. */
const desk = (use: (desk: Desk) => Promise<void>) => () =>
  withDatabase('user', async ({ url }) => {
    const database = openUserDatabase({ url, name: 'test', poolSize: 6 })
    const [check, refund] = userProcedures({
      askSilently: (input) => deciding(database, input),
      sql: database.client,
    })
    const [pay] = userCommands(database)
    const call = () => ({ deadline: deadlineIn(1_000), traceparent: undefined })
    const rows = <Row>(sql: string) => database.client.$queryRawUnsafe<Row[]>(sql)
    try {
      await insertUser(database.client, { id: ada, name: 'Ada', email: 'ada@example.org', balance: 1_000 })
      await use({
        check: async (orderId, amount, userId = ada) =>
          check?.run({ orderId, userId, amount } as never, call()),
        refund: async (orderId, userId = ada) => refund?.run({ orderId, userId } as never, call()),
        pay: async (userId, amount, messageId = randomUUID()) =>
          pay?.run({ userId, amount } as never, { messageId, cause: {} }),
        balance: async () =>
          Number((await rows<{ balance: bigint }>('select balance from users'))[0]?.balance),
        ledger: async () =>
          (await rows<{ kind: string }>('select kind::text from ledger order by id')).map((it) => it.kind),
      })
    } finally {
      await database.close()
    }
  })

const deciding = ({ transaction }: UserDatabase, input: Input): Promise<BalanceState> =>
  transaction(async (tx) => {
    const { store, rows } = choreography
    const world = await store.load(tx, [input])
    const { state } = decisionFor(rows, input)(store.read(world, input), input)
    store.write(world, state)
    await store.save(tx, world)
    return state
  })

const codeOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => assert.unreachable('must be refused'),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, Refused)
  return (error as Refused).code
}

test(
  'debits once, however often the same request comes, also at once',
  desk(async ({ check, balance, ledger }) => {
    assert.equal(await check(order(1), 300), { ok: true, balance: 700 })
    assert.equal(await check(order(1), 300), { ok: true, balance: 700 })
    const replies = await Promise.all(Array.from({ length: 8 }, () => check(order(2), 200)))
    assert.equal(replies, Array(8).fill({ ok: true, balance: 500 }))
    assert.equal([await balance(), await ledger()], [500, ['DEBIT', 'DEBIT']])
  }),
)

test(
  'a refusal is final',
  desk(async ({ check, pay, balance }) => {
    const refused = { ok: false, reason: 'insufficient_balance' }
    assert.equal(await check(order(1), 1_001), refused)
    await pay(ada, 1_000)
    assert.equal(await check(order(1), 1_001), refused)
    assert.equal(await check(order(2), 1, nobody), { ok: false, reason: 'unknown_user' })
    assert.is(await balance(), 2_000)
  }),
)

test(
  'an order that was paid otherwise is a mistake of the caller',
  desk(async ({ check, balance }) => {
    await check(order(1), 300)
    assert.is(await codeOf(check(order(1), 301)), 'payment.exists')
    assert.is(await codeOf(check(order(1), 300, nobody)), 'payment.exists')
    assert.is(await balance(), 700)
  }),
)

test(
  'an undo gives back what was debited, once, and says how much each time',
  desk(async ({ check, refund, balance, ledger }) => {
    await check(order(1), 300)
    const replies = await Promise.all(Array.from({ length: 5 }, () => refund(order(1))))
    assert.equal(replies, Array(5).fill({ ok: true, refunded: 300 }))
    assert.equal([await balance(), await ledger()], [1_000, ['DEBIT', 'REFUND']])
    assert.equal(await check(order(1), 300), { ok: false, reason: 'rpc_timeout' })
  }),
)

test(
  'an undo that names another user than the one who paid is a mistake of the caller, before it is done and after',
  desk(async ({ check, refund, balance, ledger }) => {
    await check(order(1), 300)
    assert.is(await codeOf(refund(order(1), nobody)), 'payment.exists')
    assert.equal([await balance(), await ledger()], [700, ['DEBIT']])
    await refund(order(1))
    assert.is(await codeOf(refund(order(1), nobody)), 'payment.exists')
    assert.is(await balance(), 1_000)
  }),
)

test(
  'an undo that comes first refuses the debit that comes late',
  desk(async ({ check, refund, balance, ledger }) => {
    assert.equal(await refund(order(1)), { ok: true, refunded: 0 })
    assert.equal(await check(order(1), 300), { ok: false, reason: 'rpc_timeout' })
    assert.equal(await refund(order(1)), { ok: true, refunded: 0 })
    await check(order(2), 5_000)
    assert.equal(
      await refund(order(2)),
      { ok: true, refunded: 0 },
      'what was refused is nothing to give back',
    )
    assert.equal(await refund(order(3), nobody), { ok: true, refunded: 0 })
    assert.equal([await balance(), await ledger()], [1_000, []])
  }),
)

test(
  'a debit and its undo at once end with all the money, whichever is first',
  desk(async ({ check, refund, balance }) => {
    await Promise.all(
      [1, 2, 3, 4, 5].flatMap((n) =>
        n % 2 ? [check(order(n), 10), refund(order(n))] : [refund(order(n)), check(order(n), 10)],
      ),
    )
    assert.is(await balance(), 1_000)
  }),
)

test(
  'a payment that comes in is deposited once per message',
  desk(async ({ pay, balance, ledger }) => {
    const messageId = randomUUID()
    await Promise.all(Array.from({ length: 10 }, () => pay(ada, 50, messageId)))
    await pay(ada, 50)
    assert.equal([await balance(), await ledger()], [1_100, ['DEPOSIT', 'DEPOSIT']])
  }),
)

test(
  'a payment that can not be had is refused, and its message may come again',
  desk(async ({ pay, balance, ledger }) => {
    const messageId = randomUUID()
    assert.is(await codeOf(pay(nobody, 50)), 'user.not_found')
    assert.is(await codeOf(pay(ada, maxMoney, messageId)), 'user.balance_limit')
    assert.equal([await balance(), await ledger()], [1_000, []])
    await pay(ada, 5, messageId)
    assert.is(await balance(), 1_005)
  }),
)

test.run()
