import { z } from 'zod'
import { Id, IdempotencyKey, Lines, OrderBody } from '../../shared/contracts/index.ts'
import type { Sql } from '../../shared/database/index.ts'
import {
  Cursor,
  eventStream,
  LastEventId,
  Limit,
  Page,
  Prefer,
  page,
  type Route,
  route,
} from '../../shared/http/index.ts'
import type { Cause } from '../../shared/service/index.ts'
import { orderBody } from './answers.ts'
import { type CancelOrder, orderNotFound } from './domain.ts'
import type { Placed, Placing } from './placing.ts'
import { selectHistory, selectOrder, selectOrders } from './statements.ts'
import type { OrderWatch } from './watch.ts'

export interface OrderDoors {
  place(request: Placing): Promise<Placed>
  cancel(command: CancelOrder, cause: Cause): Promise<unknown>
  watch: OrderWatch
  sql: Sql
}

const cursorKind = 'orders'
const params = z.object({ id: Id })

export const orderRoutes = (doors: OrderDoors): Route[] => [
  placeOrder(doors),
  listOrders(doors),
  getOrder(doors),
  cancelOrder(doors),
  followOrder(doors),
]

const found = async (sql: Sql, id: string) => {
  const order = await selectOrder(sql, id)
  if (order !== undefined) return orderBody(order)
  throw orderNotFound(id)
}

const placeOrder = ({ place }: OrderDoors) =>
  route({
    method: 'POST',
    path: '/orders',
    summary: 'Place an order: 202 while it is PROCESSING, 201 once it is terminal',
    headers: z.object({
      'idempotency-key': IdempotencyKey.optional().describe(
        'Places one order however often it is sent; kept for 24 hours, and for as long as the order is PROCESSING',
      ),
      prefer: Prefer.optional(),
    }),
    body: z.strictObject({ userId: Id, items: Lines }),
    answers: { 201: OrderBody, 202: OrderBody },
    answerHeaders: {
      Location: 'The address of the order',
      'Idempotency-Replayed': 'true when this is the answer of an earlier request with the same key',
      'Preference-Applied': 'wait when Prefer: wait was read',
    },
    refusals: { 422: 'The Idempotency-Key was used with another body' },
    async handle({ body: { userId, items }, headers, traceparent, signal }) {
      const { status, body, replayed } = await place({
        userId,
        items,
        key: headers['idempotency-key'],
        waitMs: (headers.prefer?.waitSeconds ?? 0) * 1000,
        cause: { traceparent },
        signal,
      })
      return {
        status,
        body,
        headers: {
          Location: `/orders/${body.id}`,
          ...(replayed ? { 'Idempotency-Replayed': 'true' } : {}),
          ...(headers.prefer?.waitSeconds === undefined ? {} : { 'Preference-Applied': 'wait' }),
        },
      }
    },
  })

const listOrders = ({ sql }: OrderDoors) =>
  route({
    method: 'GET',
    path: '/orders',
    summary: 'Orders, newest first',
    query: z.strictObject({
      userId: Id.optional(),
      status: z.enum(['PROCESSING', 'SUCCESS', 'FAILED']).optional(),
      limit: Limit,
      cursor: Cursor(cursorKind, z.tuple([Id])).optional(),
    }),
    answers: { 200: Page(OrderBody) },
    handle: async ({ query: { userId, status, limit, cursor } }) => ({
      status: 200,
      body: await page({
        kind: cursorKind,
        limit,
        select: (atMost) => selectOrders(sql, { userId, status, before: cursor?.[0], limit: atMost }),
        positionOf: ({ id }) => [id],
        bodyOf: orderBody,
      }),
    }),
  })

const getOrder = ({ sql }: OrderDoors) =>
  route({
    method: 'GET',
    path: '/orders/:id',
    summary: 'One order',
    params,
    answers: { 200: OrderBody },
    handle: async ({ params: { id } }) => ({ status: 200, body: await found(sql, id) }),
  })

const cancelOrder = ({ cancel, sql }: OrderDoors) =>
  route({
    method: 'POST',
    path: '/orders/:id/cancel',
    summary: 'Cancel an order that is PROCESSING',
    params,
    answers: { 200: OrderBody },
    refusals: { 409: 'The order is terminal' },
    async handle({ params: { id }, traceparent }) {
      await cancel({ type: 'CancelOrder', data: { orderId: id } }, { traceparent })
      return { status: 200, body: await found(sql, id) }
    },
  })

const followOrder = ({ watch, sql }: OrderDoors) =>
  route({
    method: 'GET',
    path: '/orders/:id/events',
    summary: 'Each status change of an order as it happens, up to the terminal one',
    params,
    headers: z.object({ 'last-event-id': LastEventId.optional() }),
    answers: { 200: eventStream, 204: null },
    async handle({ params: { id }, headers }) {
      await found(sql, id)
      const last = (await selectHistory(sql, [id])).at(-1)
      // An id beyond the order's own changes is none of them: what comes next is still told.
      const after = Math.min(headers['last-event-id'] ?? 0, last?.id ?? 0)
      // A client that has seen the end is told not to come back, as the standard has it; else a browser would for ever.
      if (last !== undefined && last.status !== 'PROCESSING' && last.id <= after) return { status: 204 }
      return {
        status: 200,
        async *events(signal) {
          for await (const { id: change, status, reason, at } of watch.changes(id, after, signal)) {
            yield { id: change, event: 'status', data: { orderId: id, status, reason, at } }
          }
        },
      }
    },
  })
