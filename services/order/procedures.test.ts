import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type OrderBody, procedures } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import type { RpcOutcome } from '../../shared/messaging/index.ts'
import { type Desk, desk } from './testing/desk.ts'

const tea = '01900000-0000-7000-8000-a00000000001'
const ada = '01900000-0000-7000-8000-c00000000001'
const lines = [{ productId: tea, quantity: 2 }]
const priced = [{ productId: tea, quantity: 2, unitPrice: 100 }]
const body = { userId: ada, items: lines }

const sold = (): RpcOutcome => ({ kind: 'reply', body: { ok: true, total: 200, items: priced } })
const codeOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => assert.unreachable('must be refused'),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, Refused)
  return (error as Refused).code
}
const placed = async (it: Desk) => {
  const orderId = randomUUID()
  await it.ask({ type: 'PlaceOrder', data: { orderId, ...body, mode: 'rpc' } })
  return orderId
}

test('order_create answers the order as it stands in choreography, and terminal in RPC mode', async () => {
  await desk({ mode: 'choreography' }, async (it) => {
    const { order } = await it.serve('order_create', body)
    assert.equal([order.status, order.mode, order.items[0]?.unitPrice], ['PROCESSING', 'choreography', null])
    assert.equal(it.asked, [])
  })()
  await desk({ mode: 'rpc', answers: { product_stock_update: sold } }, async (it) => {
    const { order } = await it.serve('order_create', body)
    assert.equal([order.status, order.mode, order.total], ['SUCCESS', 'rpc', 200])
  })()
})

for (const mode of ['choreography', 'rpc'] as const) {
  test(
    `order_create places one order per idempotencyKey (${mode})`,
    desk({ mode, answers: { product_stock_update: sold } }, async (it) => {
      const request = { ...body, idempotencyKey: 'k' }
      const replies = await Promise.all(Array.from({ length: 5 }, () => it.serve('order_create', request)))
      assert.is(new Set(replies.map(({ order }) => order.id)).size, 1)
      assert.is(await it.count('orders'), 1)
      const other = { ...request, items: [{ productId: tea, quantity: 3 }] }
      assert.is(await codeOf(it.serve('order_create', other)), 'idempotency.key_reused')
    }),
  )

  test(
    `order.create places an order under its own id or the message's, however often it comes (${mode})`,
    desk({ mode, answers: { product_stock_update: sold } }, async (it) => {
      const end = mode === 'rpc' ? 'SUCCESS' : 'PROCESSING'
      const messageId = randomUUID()
      const orderId = randomUUID()
      for (let n = 0; n < 3; n += 1) await it.command('order.create', body, messageId)
      await Promise.all(
        Array.from({ length: 3 }, () => it.command('order.create', { ...body, orderId }, randomUUID())),
      )
      assert.equal([await it.statusOf(messageId), await it.statusOf(orderId)], [end, end])
      assert.is(await it.count('orders'), 2)
      assert.is(it.asked.length, mode === 'rpc' ? 2 : 0)
      const other = { orderId, userId: randomUUID(), items: lines }
      assert.is(await codeOf(it.command('order.create', other, randomUUID())), 'order.exists')
    }),
  )

  test(
    `a message id that others would not take as an order's id places none; with an orderId it may be any (${mode})`,
    desk({ mode, answers: { product_stock_update: sold } }, async (it) => {
      const microsoftGuid = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'
      assert.is(await codeOf(it.command('order.create', body, microsoftGuid)), 'command.id')
      assert.is(await it.count('orders'), 0)
      const orderId = randomUUID()
      await it.command('order.create', { ...body, orderId }, microsoftGuid)
      assert.is(await it.statusOf(orderId), mode === 'rpc' ? 'SUCCESS' : 'PROCESSING')
    }),
  )
}

test(
  'order.update cancels an order once; the message again is skipped, another is refused',
  desk({ mode: 'choreography' }, async (it) => {
    const orderId = await placed(it)
    const messageId = randomUUID()
    const cancel = { orderId, action: 'cancel' }
    await it.command('order.update', cancel, messageId)
    assert.is(await it.statusOf(orderId), 'FAILED cancelled')
    await it.command('order.update', cancel, messageId)
    assert.is(await codeOf(it.command('order.update', cancel, randomUUID())), 'order.terminal')
    const unknown = { orderId: randomUUID(), action: 'cancel' }
    const early = await it.command('order.update', unknown, randomUUID()).catch((thrown) => thrown)
    assert.not(early instanceof Refused, 'its order may be on its way: it is tried again')
    assert.match(early.message, unknown.orderId)
  }),
)

test(
  'order_status_update is done once, repeats its answer, and refuses the opposite and the unknown',
  desk({ mode: 'rpc' }, async (it) => {
    const success = { status: 'SUCCESS', total: 200, items: priced }
    const failure = { status: 'FAILED', reason: 'out_of_stock' }
    const update = (orderId: string, what: object) =>
      it.serve<{ order: OrderBody }>('order_status_update', { orderId, ...what })
    const first = await placed(it)
    const { order } = await update(first, success)
    assert.equal([order.status, order.total, order.items], ['SUCCESS', 200, priced])
    const again = (await update(first, success)).order
    assert.equal({ ...again, updatedAt: '' }, { ...order, updatedAt: '' })
    const dearer = { ...success, total: 202, items: [{ ...priced[0], unitPrice: 101 }] }
    for (const otherwise of [dearer, { ...success, userId: randomUUID() }])
      assert.is(await codeOf(update(first, otherwise)), 'order.succeeded_otherwise')
    assert.is(await codeOf(update(first, failure)), 'order.terminal')
    assert.is(await it.statusOf(first), 'SUCCESS')
    const second = await placed(it)
    assert.is((await update(second, failure)).order.reason, 'out_of_stock')
    assert.is((await update(second, { ...failure, reason: 'expired' })).order.reason, 'out_of_stock')
    assert.is(await codeOf(update(second, success)), 'order.terminal')
    assert.is(await codeOf(update(randomUUID(), success)), 'order.not_found')
    assert.is(await codeOf(update(randomUUID(), failure)), 'order.not_found')
    const third = await placed(it)
    assert.is(await codeOf(update(third, { ...success, userId: randomUUID() })), 'order.other_user')
    const other = { status: 'SUCCESS', total: 100, items: [{ ...priced[0], quantity: 1 }] }
    assert.is(await codeOf(update(third, other)), 'order.other_items')
    assert.is(await it.statusOf(third), 'PROCESSING')
    assert.is((await update(third, { ...success, userId: ada })).order.status, 'SUCCESS')
  }),
)

test('order_status_update is asked with what its status needs, and nothing else', () => {
  const parsed = (what: object) =>
    procedures.order_status_update.request.safeParse({ orderId: randomUUID(), ...what })
  const parses = (what: object) => parsed(what).success
  const [line] = priced
  const most = Number.MAX_SAFE_INTEGER
  for (const good of [
    { status: 'FAILED', reason: 'expired' },
    { status: 'FAILED', reason: 'expired', total: null, items: [] },
    { status: 'SUCCESS', total: 0, items: [{ ...line, unitPrice: 0 }] },
    { status: 'SUCCESS', total: 200 },
    { status: 'SUCCESS', total: 200, items: priced, reason: null },
    { status: 'SUCCESS', total: 200, items: priced, userId: ada },
  ])
    assert.ok(parses(good), JSON.stringify(good))
  for (const bad of [
    { status: 'PROCESSING' },
    { status: 'FAILED' },
    { status: 'FAILED', reason: 'bored' },
    { status: 'SUCCESS' },
    { status: 'SUCCESS', total: 0, items: [] },
    { status: 'SUCCESS', total: 1, items: priced },
    { status: 'SUCCESS', total: most, items: [{ ...line, unitPrice: most }, line] },
    { status: 'SUCCESS', total: 200, items: priced, reason: 'expired' },
    { status: 'SUCCESS', total: 1.5, items: priced },
    { status: 'SUCCESS', total: 200, items: priced, more: 1 },
    { status: 'SUCCESS', total: 200, items: [{ ...line, more: 1 }] },
  ])
    assert.not(parses(bad), JSON.stringify(bad))
  const said = (what: object) =>
    parsed(what).error?.issues.map(({ path, message }) => `/${path.join('/')} ${message}`)
  assert.equal(said({ status: 'PROCESSING' }), ['/status must be SUCCESS or FAILED'])
  assert.equal(said({ status: 'SUCCESS', total: 1, items: priced }), ['/total is not what the items cost'])
  assert.equal(said({ status: 'FAILED', reason: 'expired', more: 1 }), ['/ Unrecognized key: "more"'])
})

test.run()
