import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { commands, events, procedures } from './index.ts'

const id = '01900000-0000-7000-8000-000000000001'
const line = { productId: id, quantity: 1 }
const dear = { ...line, price: 0 }
const priced = { ...line, unitPrice: 1 }

test('what asks for an order is refused with a key it does not know, in its lines too', () => {
  for (const [name, schema, body] of [
    ['order.create', commands['order.create'].data, { userId: id }],
    ['order_create', procedures.order_create.request, { userId: id }],
    ['product_stock_update', procedures.product_stock_update.request, { orderId: id, userId: id }],
  ] as const) {
    assert.ok(schema.safeParse({ ...body, items: [line] }).success, name)
    const { error } = schema.safeParse({ ...body, items: [dear] })
    assert.equal(
      error?.issues.map(({ code, path }) => [code, path]),
      [['unrecognized_keys', ['items', 0]]],
      name,
    )
  }
})

test('what events and replies say may have more than is known here: it is dropped', () => {
  const placed = { orderId: id, userId: id, items: [dear], more: 1 }
  assert.equal(events.OrderPlaced.data.parse(placed), { orderId: id, userId: id, items: [line] })
  const reserved = { orderId: id, userId: id, total: 1, items: [{ ...priced, more: 1 }] }
  assert.equal(events.StockReserved.data.parse(reserved).items, [priced])
  const reply = { ok: true, total: 1, items: [{ ...priced, more: 1 }] }
  assert.equal(procedures.product_stock_update.reply.parse(reply), { ok: true, total: 1, items: [priced] })
})

test('an idempotencyKey is what the Idempotency-Key header could be', () => {
  const takes = (idempotencyKey: string) =>
    procedures.order_create.request.safeParse({ userId: id, items: [line], idempotencyKey }).success
  for (const good of ['k', 'a b', '~'.repeat(255), '"quoted"']) assert.ok(takes(good), good)
  for (const bad of ['', ' ', ' k', 'k ', 'a\tb', 'a\nb', 'a\u0000b', 'a\u007f', 'é', '鍵', 'k'.repeat(256)])
    assert.not(takes(bad), JSON.stringify(bad))
})

test('the document of an API says that lines are strict', () => {
  const { items } = z.toJSONSchema(procedures.order_create.request, { io: 'input' }).properties as {
    items: { items: { additionalProperties?: unknown } }
  }
  assert.is(items.items.additionalProperties, false)
})

test.run()
