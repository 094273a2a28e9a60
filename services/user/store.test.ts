import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type DomainEvent, maxMoney, type Reason } from '../../shared/contracts/index.ts'
import { sqlState } from '../../shared/failure/index.ts'
import { react, withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openUserDatabase, type UserDatabase } from './database.ts'
import { deposit } from './ledger.ts'
import { deleteUser, insertUser } from './records.ts'

const withUsers = (use: (database: UserDatabase) => Promise<void>) => () =>
  withDatabase('user', async ({ url }) => {
    const database = openUserDatabase({ url, name: 'test', poolSize: 6 })
    try {
      await use(database)
    } finally {
      await database.close()
    }
  })

/** Ids that differ between universes in their first digits only, so that a history can be told twice in one database. */
const id = (kind: 'a' | 'b' | 'c', n: number, universe = 1) =>
  `${String(universe).padStart(8, '0')}-0000-7000-8000-${kind}${String(n).padStart(11, '0')}`
const user = (n: number, universe?: number) => id('c', n, universe)
const order = (n: number, universe?: number) => id('b', n, universe)
const items = [{ productId: id('a', 1), quantity: 1, unitPrice: 7 }]

const joined = (database: UserDatabase, n: number, balance: number, universe?: number) =>
  insertUser(database.client, { id: user(n, universe), name: `user ${n}`, email: 'u@example.com', balance })

const reserved = (orderId: string, userId: string, total: number): DomainEvent<'StockReserved'> => ({
  type: 'StockReserved',
  data: { orderId, userId, total, items },
})
const failed = (orderId: string, userId: string, reason: Reason = 'expired'): DomainEvent<'OrderFailed'> => ({
  type: 'OrderFailed',
  data: { orderId, userId, reason },
})

const batch = (database: UserDatabase, ...inputs: DomainEvent[]) =>
  database.transaction((tx) => react(tx, choreography, inputs))

const balanceOf = async (database: UserDatabase, n: number) => {
  const rows = await database.client.$queryRawUnsafe<{ balance: bigint }[]>(
    'select balance from users where id = $1::uuid',
    user(n),
  )
  return Number(rows[0]?.balance)
}

test(
  'a debit is kept to the last unit, and refunded from what was kept, also to a user deleted since',
  withUsers(async (database) => {
    await joined(database, 1, maxMoney)
    assert.equal(await batch(database, reserved(order(1), user(1), maxMoney)), [
      { type: 'BalanceDebited', data: { orderId: order(1), userId: user(1), amount: maxMoney, items } },
    ])
    assert.is(await balanceOf(database, 1), 0)
    await deleteUser(database.client, user(1))
    assert.equal(await batch(database, failed(order(1), user(2))), [
      { type: 'BalanceRefunded', data: { orderId: order(1), userId: user(1), amount: maxMoney } },
    ])
    assert.is(await balanceOf(database, 1), maxMoney)
    assert.equal(await batch(database, failed(order(1), user(1)), reserved(order(1), user(1), maxMoney)), [])
  }),
)

test(
  'a failure is remembered over batches, for a user that need not exist, and refuses the late cause with its reason',
  withUsers(async (database) => {
    assert.equal(await batch(database, failed(order(1), user(9), 'cancelled')), [])
    assert.equal(await batch(database, reserved(order(1), user(9), 1)), [
      { type: 'BalanceRejected', data: { orderId: order(1), userId: user(9), reason: 'cancelled' } },
    ])
  }),
)

test(
  'decisions of one batch see each other: the same money is debited once',
  withUsers(async (database) => {
    await joined(database, 1, 10)
    const said = await batch(
      database,
      reserved(order(1), user(1), 10),
      reserved(order(2), user(1), 10),
      failed(order(1), user(1)),
      reserved(order(3), user(1), 10),
    )
    assert.equal(
      said.map(({ type, data }) => [type, data.orderId]),
      [
        ['BalanceDebited', order(1)],
        ['BalanceRejected', order(2)],
        ['BalanceRefunded', order(1)],
        ['BalanceDebited', order(3)],
      ],
    )
    assert.is(await balanceOf(database, 1), 0)
  }),
)

test(
  'an order that costs nothing has its ledger rows too',
  withUsers(async (database) => {
    await joined(database, 1, 0)
    await batch(database, reserved(order(1), user(1), 0))
    await batch(database, failed(order(1), user(1)))
    const rows = await database.client.$queryRawUnsafe(
      'select kind::text, amount::int from ledger order by id',
    )
    assert.equal(rows, [
      { kind: 'DEBIT', amount: 0 },
      { kind: 'REFUND', amount: 0 },
    ])
  }),
)

// A batch of n equals n batches of one -------------------------------------------------------------------------------

const steps = fc.array(
  fc.record({
    order: fc.integer({ min: 1, max: 4 }),
    user: fc.integer({ min: 1, max: 3 }),
    failed: fc.boolean(),
    total: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 2, maxLength: 12 },
)
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 })

/** Everything a history left in its universe, with the universe taken out of the ids. */
const remains = async ({ client }: UserDatabase, universe: number) => {
  const prefix = user(1, universe).slice(0, 8)
  const rest = (column: string) => `right(${column}::text, 12) as ${column}`
  const of = (column: string) => `where left(${column}::text, 8) = $1 order by ${column}`
  const query = (sql: string) => client.$queryRawUnsafe<unknown[]>(sql, prefix)
  return {
    users: await query(`select ${rest('id')}, balance from users ${of('id')}`),
    payments: await query(
      `select ${rest('order_id')}, ${rest('user_id')}, status::text, reason, amount
       from payments ${of('order_id')}`,
    ),
    ledger: await query(
      `select ${rest('order_id')}, ${rest('user_id')}, kind::text, amount from ledger ${of('order_id')}, kind`,
    ),
  }
}

test(
  'a batch of n equals n batches of one',
  withUsers(async (database) => {
    let universe = 10
    const tell = async (
      history: readonly ((universe: number) => DomainEvent)[],
      sizeOf: (n: number) => number,
    ) => {
      universe += 1
      for (const n of [1, 2]) await joined(database, n, n * 50, universe)
      const inputs = history.map((event) => event(universe))
      const said: DomainEvent[] = []
      for (let n = 0; inputs.length > 0; n += 1)
        said.push(...(await batch(database, ...inputs.splice(0, sizeOf(n)))))
      const anywhere = JSON.stringify(said).replaceAll(user(1, universe).slice(0, 8), '')
      return { said: JSON.parse(anywhere), ...(await remains(database, universe)) }
    }
    await fc.assert(
      fc.asyncProperty(steps, sizes, async (history, sizesOf) => {
        const events = history.map((step) => (u: number) => {
          if (step.failed) return failed(order(step.order, u), user(step.user, u))
          return reserved(order(step.order, u), user(step.user, u), step.total)
        })
        const alone = await tell(events, () => 1)
        assert.equal(await tell(events, (n) => sizesOf[n] ?? 1), alone)
        assert.equal(await tell(events, () => events.length), alone)
      }),
      { numRuns: 25 },
    )
  }),
)

test(
  'batches at once on the same orders and users: no money is spent twice',
  withUsers(async (database) => {
    await joined(database, 1, 100)
    await joined(database, 2, 100_000)
    const all = Array.from({ length: 40 }, (_, n) =>
      reserved(order(n), user((n % 2) + 1), n % 2 === 0 ? 10 : 100),
    )
    // Every event goes through every worker, in another order and in batches of another size.
    const worker = async (w: number) => {
      const mine = [...all.slice(w * 9), ...all.slice(0, w * 9)]
      if (w % 2 === 1) mine.reverse()
      while (mine.length > 0) await batch(database, ...mine.splice(0, w + 2))
    }
    await Promise.all([0, 1, 2, 3].map(worker))
    const counts = await database.client.$queryRawUnsafe<{ status: string; n: number }[]>(
      'select status::text, count(*)::int as n from payments group by status order by status::text',
    )
    assert.equal(counts, [
      { status: 'DEBITED', n: 30 },
      { status: 'REJECTED', n: 10 },
    ])
    assert.equal([await balanceOf(database, 1), await balanceOf(database, 2)], [0, 98_000])
  }),
)

test(
  'an order that fails while it is paid costs nothing in the end, whoever comes first',
  withUsers(async (database) => {
    await joined(database, 1, 1000)
    // As many at once as there are connections: none waits in line for one.
    for (let n = 0; n < 21; n += 3)
      await Promise.all(
        [n, n + 1, n + 2].flatMap((n) => [
          batch(database, reserved(order(n), user(1), 7)),
          batch(database, failed(order(n), user(1)), failed(order((n + 1) % 21), user(1))),
        ]),
      )
    assert.is(await balanceOf(database, 1), 1000)
  }),
)

// The last line ------------------------------------------------------------------------------------------------------

const refused = async (work: Promise<unknown>, state: string) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.is(sqlState(error), state, `expected SQLSTATE ${state}, got ${error}`)
}

test(
  'the database itself refuses what the code must never do',
  withUsers(async (database) => {
    const run = (sql: string) => database.client.$executeRawUnsafe(sql)
    await joined(database, 1, 50)
    await batch(database, reserved(order(1), user(1), 20), failed(order(2), user(1)))
    await refused(run('update users set balance = -1'), '23514')
    await refused(run(`update users set balance = ${maxMoney} + 1::bigint`), '23514')
    await refused(run(`update payments set status = 'DEBITED' where order_id = '${order(2)}'`), '23514')
    await refused(run(`update payments set amount = 1 where order_id = '${order(1)}'`), '23514')
    await refused(run('delete from payments'), '23514')
    await refused(
      run(
        `insert into payments (order_id, user_id, status, amount) values ('${order(1)}', '${user(1)}', 'DEBITED', 1)`,
      ),
      '23505',
    )
    const entry = (kind: string, amount: number) =>
      run(
        `insert into ledger (order_id, user_id, kind, amount) values ('${order(1)}', '${user(1)}', '${kind}', ${amount})`,
      )
    await refused(entry('DEBIT', 20), '23505')
    await refused(entry('REFUND', 21), '23514')
    await refused(run('update ledger set amount = 0'), '23514')
    await batch(database, failed(order(1), user(1)))
    await refused(entry('REFUND', 20), '23505')
    assert.is(await balanceOf(database, 1), 50)
  }),
)

test(
  'deposits at once never pass the limit, and leave room for every refund',
  withUsers(async (database) => {
    await joined(database, 1, maxMoney - 30)
    await batch(database, reserved(order(1), user(1), maxMoney - 30))
    const deposits = Array.from({ length: 6 }, () => database.transaction((tx) => deposit(tx, user(1), 10)))
    const results = await Promise.allSettled(deposits)
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 3)
    for (const result of results) {
      if (result.status === 'rejected') assert.is(result.reason.code, 'user.balance_limit')
    }
    await batch(database, failed(order(1), user(1)))
    assert.is(await balanceOf(database, 1), maxMoney)
  }),
)

test.run()
