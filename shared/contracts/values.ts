import { z } from 'zod'

/** An order's, product's or user's id: a UUID (the nil UUID is well-formed and never known), in lower case inside. */
export const Id = z.uuid().toLowerCase()

/** Minor units of the one currency; a safe integer, so that it is exact in JSON. */
export const Money = z.int().nonnegative()

/** The largest price, balance, deposit or total: what JSON carries exactly. */
export const maxMoney = Number.MAX_SAFE_INTEGER

/** How many pieces of a product; fits a PostgreSQL integer. */
export const Quantity = z.int().positive().max(2_147_483_647)

/** Why an order failed. The only reasons there are. */
export const reasons = [
  'out_of_stock',
  'unknown_product',
  'insufficient_balance',
  'unknown_user',
  'expired',
  'cancelled',
  'rpc_timeout',
] as const
export const Reason = z.enum(reasons)
export type Reason = z.infer<typeof Reason>

/** As others say it in events and replies: what a later version adds is dropped. */
export const Line = z.object({ productId: Id, quantity: Quantity })
export type Line = z.infer<typeof Line>

/** A line with the price it was reserved at. */
export const PricedLine = Line.extend({ unitPrice: Money })
export type PricedLine = z.infer<typeof PricedLine>

export const maxLinesPerOrder = 50

/** The lines of one order: at least one, at most fifty, no product twice. */
const linesOf = <L extends z.ZodType<Line>>(line: L) =>
  z
    .array(line)
    .min(1)
    .max(maxLinesPerOrder)
    .superRefine((lines, context) => {
      const seen = new Set<string>()
      lines.forEach(({ productId }, index) => {
        if (seen.has(productId)) {
          context.addIssue({ code: 'custom', path: [index, 'productId'], message: 'is in the order twice' })
        }
        seen.add(productId)
      })
    })

/** What an order is placed with, at whichever door: unknown keys are refused, for who sends a price means it. */
export const Lines = linesOf(Line.strict())
/** The same as an event tells it. */
export const LinesSaid = linesOf(Line)

/** Idempotency-Key, at whichever door: 1 to 255 printable ASCII characters, no blank at either end, where HTTP would lose it. */
export const IdempotencyKey = z
  .string()
  .regex(
    /^(?! )[\x20-\x7e]{1,255}(?<! )$/,
    'must be 1 to 255 printable ASCII characters, with no blank at either end',
  )
  .meta({ examples: ['order-2024-17'] })

/** How an order is coordinated; an order remembers the mode it was placed in. */
export const modes = ['choreography', 'rpc'] as const
export const Mode = z.enum(modes)
export type Mode = z.infer<typeof Mode>

export const services = ['order', 'product', 'user'] as const
export type ServiceName = (typeof services)[number]
