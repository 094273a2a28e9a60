import { z } from 'zod'
import { Id, Lines, maxMoney, type ServiceName } from './values.ts'

const contract = <Data extends z.ZodType>(it: { by: ServiceName; data: Data }) => it

/** Commands by message: point to point over the default exchange, one queue each, done once per messageId. */
export const commands = {
  /** Place an order; it appears under `orderId`, or under the messageId when none is given. */
  'order.create': contract({
    by: 'order',
    data: z.strictObject({ orderId: Id.optional(), userId: Id, items: Lines }),
  }),
  'order.update': contract({
    by: 'order',
    data: z.strictObject({ orderId: Id, action: z.literal('cancel') }),
  }),
  /** A payment came in: a deposit to a user's balance, in minor units. */
  'payment.process': contract({
    by: 'user',
    data: z.strictObject({ userId: Id, amount: z.int().positive().max(maxMoney) }),
  }),
} as const

export type CommandName = keyof typeof commands
export type CommandData<C extends CommandName> = z.infer<(typeof commands)[C]['data']>

/** The command queues a service works on. */
export const commandsOf = (service: ServiceName): CommandName[] =>
  (Object.keys(commands) as CommandName[]).filter((name) => commands[name].by === service)
