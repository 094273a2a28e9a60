import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProcedureName } from '../../shared/contracts/index.ts'
import { Refused, Unavailable } from '../../shared/failure/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import type { RpcCaller, RpcOutcome } from '../../shared/messaging/index.ts'
import { createRpcClient, deadlineIn } from '../../shared/rpc/index.ts'
import { decisionFor, type Input } from '../../shared/saga/index.ts'
import { withDatabase } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openProductDatabase, type ProductDatabase } from './database.ts'
import type { StockState } from './domain.ts'
import { productProcedures } from './procedures.ts'
import { insertProduct } from './records.ts'

const id = (kind: string, n: number) => `01900000-0000-7000-8000-${kind}${String(n).padStart(11, '0')}`
const tea = id('a', 1)
const placed = { orderId: id('b', 1), userId: id('c', 1), items: [{ productId: tea, quantity: 2 }] }
const sold = { ok: true, total: 200, items: [{ productId: tea, quantity: 2, unitPrice: 100 }] }

const late: RpcOutcome = { kind: 'unknown', reason: 'no reply' }
const unsent: RpcOutcome = { kind: 'unsent', reason: 'no queue' }
const reply = (body: Record<string, unknown>): RpcOutcome => ({ kind: 'reply', body })
const error = (code: string) => reply({ ok: false, error: { code, message: code } })
const paid = reply({ ok: true, balance: 0 })
const refunded = reply({ ok: true, refunded: 200 })
const order = (status: 'SUCCESS' | 'FAILED') => {
  const reason = status === 'FAILED' ? 'rpc_timeout' : null
  const at = '2026-01-01T00:00:00.000Z'
  const { orderId, userId } = placed
  const items = [{ productId: tea, quantity: 2, unitPrice: null }]
  const body = { id: orderId, userId, status, reason, mode: 'rpc', items, total: null }
  return reply({ ok: true, order: { ...body, createdAt: at, updatedAt: at } })
}

type Answer = (body: { status?: string; userId?: string }, timeoutMs: number) => RpcOutcome

interface Desk {
  update(request?: typeof placed, leftMs?: number): Promise<unknown>
  /** What the other services were asked, in order: `user_check`, `order_status_update SUCCESS`. */
  asked: string[]
  stock(): Promise<number | undefined>
  /** Waits for what is insisted on. */
  rest(): Promise<void>
  /** The next so many transactions fail after their commit, as when the connection goes. */
  loseAnswers(count: number): void
}

/** The procedure on a database of its own, with ten pieces of tea, before other services that answer as told. */
const desk = (answers: Partial<Record<ProcedureName, Answer>>, use: (desk: Desk) => Promise<void>) => () =>
  withDatabase('product', async ({ url }) => {
    const database = openProductDatabase({ url, name: 'test', poolSize: 6 })
    const asked: string[] = []
    let lost = 0
    const caller: RpcCaller = {
      async call({ procedure, body, timeoutMs }) {
        const { status } = body as { status?: string }
        asked.push(status === undefined ? procedure : `${procedure} ${status}`)
        const answer = answers[procedure as ProcedureName]
        return answer === undefined ? late : answer(body as Parameters<Answer>[0], timeoutMs)
      },
      stop: async () => {},
    }
    const log = silentLog()
    const rpc = createRpcClient({ caller, namespace: '', timeoutMs: 1_000, log, pausesMs: [1, 1] })
    const askSilently = async (input: Input) => {
      const state = await deciding(database, input)
      if (lost-- > 0) throw new Unavailable('connection lost', { code: 'database.unavailable' })
      return state
    }
    const [served] = productProcedures({ askSilently, rpc, log })
    try {
      await insertProduct(database.client, { id: tea, name: 'tea', price: 100, stock: 10 })
      await use({
        asked,
        update: async (request = placed, leftMs = 10_000) =>
          served?.run(request, { deadline: deadlineIn(leftMs), traceparent: undefined }),
        stock: async () => {
          const rows = await database.client.$queryRawUnsafe<{ stock: number }[]>(
            'select stock from products',
          )
          return rows[0]?.stock
        },
        rest: rpc.stop,
        loseAnswers(count) {
          lost = count
        },
      })
    } finally {
      await rpc.stop()
      await database.close()
    }
  })

const deciding = ({ transaction }: ProductDatabase, input: Input): Promise<StockState> =>
  transaction(async (tx) => {
    const { store, rows } = choreography
    const world = await store.load(tx, [input])
    const { state } = decisionFor(rows, input)(store.read(world, input), input)
    store.write(world, state)
    await store.save(tx, world)
    return state
  })

test(
  'takes the stock once, however often the same request comes, also at once',
  desk({ user_check: () => paid, order_status_update: () => order('SUCCESS') }, async (it) => {
    assert.equal(await it.update(), sold)
    assert.equal(it.asked, ['user_check', 'order_status_update SUCCESS'])
    assert.equal(await it.update(), sold)
    const other = { ...placed, orderId: id('b', 2) }
    assert.equal(await Promise.all(Array.from({ length: 8 }, () => it.update(other))), Array(8).fill(sold))
    assert.is(await it.stock(), 6)
  }),
)

test(
  'the order is told who paid for it, and can refuse the payment of another',
  desk(
    {
      user_check: () => paid,
      order_status_update: ({ userId }) => error(userId === id('c', 2) ? 'order.other_user' : 'internal'),
      user_refund: () => refunded,
    },
    async (it) => {
      const reply = await it.update({ ...placed, userId: id('c', 2) })
      assert.equal(reply, { ok: false, error: { code: 'order.other_user', message: 'order.other_user' } })
      await it.rest()
      assert.ok(it.asked.includes('user_refund'))
      assert.is(await it.stock(), 10)
    },
  ),
)

test(
  'what it has not is refused without asking anyone',
  desk({}, async (it) => {
    const many = { ...placed, items: [{ productId: tea, quantity: 11 }] }
    assert.equal(await it.update(many), { ok: false, reason: 'out_of_stock' })
    assert.equal(await it.update(many), { ok: false, reason: 'out_of_stock' })
    const unknown = { ...placed, orderId: id('b', 2), items: [{ productId: id('a', 9), quantity: 1 }] }
    assert.equal(await it.update(unknown), { ok: false, reason: 'unknown_product' })
    assert.equal(it.asked, [])
  }),
)

test(
  'an order reserved with other items is a mistake of the caller, and keeps what it has',
  desk({ user_check: () => paid, order_status_update: () => order('SUCCESS') }, async (it) => {
    await it.update()
    for (const items of [[{ productId: tea, quantity: 3 }], []]) {
      const refusal = (await it.update({ ...placed, items }).catch((thrown) => thrown)) as Refused
      assert.instance(refusal, Refused)
      assert.is(refusal.code, 'reservation.exists')
    }
    assert.is(await it.stock(), 8)
  }),
)

test(
  'what the user can not pay is given back before the reply',
  desk({ user_check: () => reply({ ok: false, reason: 'insufficient_balance' }) }, async (it) => {
    assert.equal(await it.update(), { ok: false, reason: 'insufficient_balance' })
    assert.is(await it.stock(), 10)
    assert.equal(await it.update(), { ok: false, reason: 'rpc_timeout' }, 'it stays given back')
    await it.rest()
    assert.equal(it.asked, ['user_check'])
  }),
)

test(
  'a payment without an answer: the order fails, the stock is back, and the money is given back until that is told',
  desk(
    {
      order_status_update: ({ status }) => order(status as 'FAILED'),
      user_refund: (() => {
        const answers = [late, refunded]
        return () => answers.shift() ?? late
      })(),
    },
    async (it) => {
      assert.equal(await it.update(), { ok: false, reason: 'rpc_timeout' })
      assert.is(await it.stock(), 10)
      await it.rest()
      assert.equal(it.asked, ['user_check', 'order_status_update FAILED', 'user_refund', 'user_refund'])
    },
  ),
)

test(
  'a payment that was certainly not asked for is not refunded',
  desk({ user_check: () => unsent, order_status_update: () => order('FAILED') }, async (it) => {
    assert.equal(await it.update(), { ok: false, reason: 'rpc_timeout' })
    await it.rest()
    assert.equal([await it.stock(), it.asked.includes('user_refund')], [10, false])
  }),
)

for (const [what, ended, stock] of [
  ['failed, and all is given back', order('FAILED'), 10],
  ['succeeded by another request for it, and keeps what it has', error('order.terminal'), 8],
] as const) {
  let answer: RpcOutcome = unsent
  test(
    `no answer from anyone: nothing is given back before the order says that it ${what}`,
    desk({ order_status_update: () => answer, user_refund: () => refunded }, async (it) => {
      assert.equal(await it.update(), { ok: false, reason: 'rpc_timeout' })
      answer = error('internal')
      assert.equal([await it.stock(), it.asked.includes('user_refund')], [8, false])
      answer = ended
      await it.rest()
      assert.equal([await it.stock(), it.asked.includes('user_refund')], [stock, stock === 10])
    }),
  )
}

test(
  'an order that another request for it brought to success keeps its stock and its debit',
  desk({ order_status_update: () => error('order.terminal') }, async (it) => {
    assert.equal(await it.update(), sold)
    await it.rest()
    assert.equal(it.asked, ['user_check', 'order_status_update FAILED'])
    assert.is(await it.stock(), 8)
  }),
)

for (const code of ['order.terminal', 'order.not_found', 'order.other_user', 'order.other_items']) {
  test(
    `paid for an order that says ${code}: all is undone, and the caller is told why`,
    desk(
      { user_check: () => paid, order_status_update: () => error(code), user_refund: () => refunded },
      async (it) => {
        assert.equal(await it.update(), { ok: false, error: { code, message: code } })
        await it.rest()
        assert.is(await it.stock(), 10)
        assert.equal(it.asked, ['user_check', 'order_status_update SUCCESS', 'user_refund'])
      },
    ),
  )
}

for (const [what, answer] of [
  ['not answered', late],
  ['answered with a defect', error('internal')],
] as const) {
  const reports = [answer, answer, error('order.terminal')]
  test(
    `a report that is ${what} is left to the caller; an order that failed meanwhile is undone behind the reply`,
    desk(
      {
        user_check: () => paid,
        order_status_update: () => reports.shift() ?? late,
        user_refund: () => refunded,
      },
      async (it) => {
        assert.equal(await it.update(), sold)
        assert.is(await it.stock(), 8)
        await it.rest()
        assert.is(await it.stock(), 10)
        assert.ok(it.asked.includes('user_refund'))
      },
    ),
  )
}

test(
  'a database that goes while it reserves leaves nothing taken',
  desk({ order_status_update: () => order('FAILED') }, async (it) => {
    it.loseAnswers(2)
    const thrown = await it.update().catch((caught) => caught)
    assert.instance(thrown, Unavailable)
    await it.rest()
    assert.is(await it.stock(), 10)
    assert.equal(await it.update(), { ok: false, reason: 'rpc_timeout' })
  }),
)

test('inner calls end before the caller gives up', () => {
  const timeouts: number[] = []
  const saying =
    (answer: RpcOutcome): Answer =>
    (_, timeoutMs) => {
      timeouts.push(timeoutMs)
      return answer
    }
  const answers = { user_check: saying(late), order_status_update: saying(order('FAILED')) }
  return desk(answers, async (it) => {
    await it.update(placed, 1_200)
    assert.is(timeouts.length, 2)
    for (const ms of timeouts) assert.ok(ms > 0 && ms <= 960, `${ms}`)
    const tooLate = { ...placed, orderId: id('b', 2) }
    assert.equal(await it.update(tooLate, 0), { ok: false, reason: 'rpc_timeout' })
    await it.rest()
    assert.equal([it.asked.filter((name) => name === 'user_check').length, await it.stock()], [1, 10])
  })()
})

test.run()
