import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import Koa from 'koa'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { openOrderDatabase } from '../../../services/order/database.ts'
import { openPool } from '../pool.ts'

/** `rival-door.ts <kind> <database url>`: POST /orders as a team might write it, with koa alone. Tells its parent where it listens. */
export type Kind = 'none' | 'statement' | 'interactive'

const poolSize = 10

const Body = z.strictObject({
  userId: z.uuid(),
  items: z.array(z.strictObject({ productId: z.uuid(), quantity: z.int().positive() })).min(1),
})

interface NewOrder extends z.infer<typeof Body> {
  id: string
}

type Place = (order: NewOrder) => Promise<unknown>

/** Order, lines and event in one statement, which is a transaction of its own. */
const inOneStatement = (url: string): Place => {
  const pool = openPool(url, poolSize)
  const text = `
    with placed as (
      insert into orders (id, user_id, mode) values ($1, $2, 'choreography')
    ), lines as (
      insert into order_items (order_id, position, product_id, quantity)
      select $1, position - 1, "productId", quantity
      from rows from (jsonb_to_recordset($3) as ("productId" uuid, quantity int)) with ordinality
        as line ("productId", quantity, position)
    )
    insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload)
    values ($4, 'OrderPlaced', $1, 'EX_ORDER', 'order.create', $5)`
  return ({ id, userId, items }) =>
    pool.query({
      name: 'place',
      text,
      values: [id, userId, JSON.stringify(items), uuidv7(), { orderId: id, userId, items }],
    })
}

/** Prisma's interactive transaction, one for each request. */
const inATransaction = (url: string): Place => {
  const { client } = openOrderDatabase({ url, name: 'rival', poolSize })
  return ({ id, userId, items }) =>
    client.$transaction(async (tx) => {
      const lines = items.map((item, position) => ({ ...item, position }))
      await tx.order.create({ data: { id, userId, mode: 'choreography', items: { create: lines } } })
      const event = { eventId: uuidv7(), type: 'OrderPlaced', aggregateId: id, exchange: 'EX_ORDER' }
      await tx.outbox.create({
        data: { ...event, routingKey: 'order.create', payload: { orderId: id, userId, items } },
      })
    })
}

const placeBy: Record<Kind, (url: string) => Place> = {
  none: () => async () => {},
  statement: inOneStatement,
  interactive: inATransaction,
}

const [kind, url = ''] = process.argv.slice(2)
const place = placeBy[kind as Kind](url)
const koa = new Koa()
koa.use(async (context) => {
  const body = Body.parse(await json(context.req))
  const order = { id: uuidv7(), ...body }
  await place(order)
  context.status = 202
  context.set('Location', `/orders/${order.id}`)
  context.body = { ...order, status: 'PROCESSING' }
})
const server = koa.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
