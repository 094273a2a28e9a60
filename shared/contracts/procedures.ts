import { z } from 'zod'
import {
  Id,
  IdempotencyKey,
  Lines,
  Mode,
  Money,
  PricedLine,
  Quantity,
  Reason,
  type ServiceName,
} from './values.ts'

/** An order as REST and RPC answer it; unitPrice and total are null until known. Money in minor units. */
export const OrderBody = z.object({
  id: Id,
  userId: Id,
  status: z.enum(['PROCESSING', 'SUCCESS', 'FAILED']),
  reason: Reason.nullable(),
  mode: Mode,
  items: z.array(z.object({ productId: Id, quantity: Quantity, unitPrice: Money.nullable() })),
  total: Money.nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})
export type OrderBody = z.infer<typeof OrderBody>

const costOf = (items: readonly PricedLine[]) =>
  items.reduce((sum, { quantity, unitPrice }) => sum + BigInt(quantity) * BigInt(unitPrice), 0n)

const refusal = z.object({ ok: z.literal(false), reason: Reason })
/** The request was wrong or could not be worked on: nothing was decided. */
const error = z.object({ ok: z.literal(false), error: z.object({ code: z.string(), message: z.string() }) })
const answer = <Body extends z.ZodRawShape>(body: Body) => z.object({ ok: z.literal(true), ...body })

const contract = <Request extends z.ZodType, Reply extends z.ZodType>(it: {
  by: ServiceName
  request: Request
  reply: Reply
}) => ({ ...it, reply: z.union([it.reply, error]) })

/** Procedures over RPC: one queue each. All are idempotent by order id; order_create by its idempotencyKey. */
export const procedures = {
  order_create: contract({
    by: 'order',
    request: z.strictObject({
      userId: Id,
      items: Lines,
      idempotencyKey: IdempotencyKey.optional(),
    }),
    reply: answer({ order: OrderBody }),
  }),
  /** Takes the stock of an order, has it paid, and has the order told: the chain of the original system. */
  product_stock_update: contract({
    by: 'product',
    request: z.strictObject({ orderId: Id, userId: Id, items: Lines }),
    reply: z.union([answer({ total: Money, items: z.array(PricedLine) }), refusal]),
  }),
  user_check: contract({
    by: 'user',
    request: z.strictObject({ orderId: Id, userId: Id, amount: Money }),
    reply: z.union([answer({ balance: Money }), refusal]),
  }),
  /** Undo of user_check; 0 when nothing was debited. */
  user_refund: contract({
    by: 'user',
    request: z.strictObject({ orderId: Id, userId: Id }),
    reply: answer({ refunded: Money }),
  }),
  order_status_update: contract({
    by: 'order',
    request: z.discriminatedUnion(
      'status',
      [
        z
          .strictObject({
            orderId: Id,
            status: z.literal('SUCCESS'),
            /** Who paid; compared with the order's user where it is told. */
            userId: Id.optional(),
            total: Money,
            items: z.array(PricedLine.strict()).min(1).optional(),
            reason: z.null().optional(),
          })
          .refine(({ total, items }) => items === undefined || BigInt(total) === costOf(items), {
            path: ['total'],
            message: 'is not what the items cost',
          }),
        z.strictObject({
          orderId: Id,
          status: z.literal('FAILED'),
          reason: Reason,
          items: z.unknown().optional(),
          total: z.unknown().optional(),
        }),
      ],
      { error: 'must be SUCCESS or FAILED' },
    ),
    reply: answer({ order: OrderBody }),
  }),
} as const

export type ProcedureName = keyof typeof procedures
export type RequestOf<P extends ProcedureName> = z.infer<(typeof procedures)[P]['request']>
export type ReplyOf<P extends ProcedureName> = z.infer<(typeof procedures)[P]['reply']>

/** The procedures a service serves. */
export const proceduresOf = (service: ServiceName): ProcedureName[] =>
  (Object.keys(procedures) as ProcedureName[]).filter((name) => procedures[name].by === service)
