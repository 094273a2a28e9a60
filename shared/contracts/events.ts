import { z } from 'zod'
import { Id, LinesSaid, Money, PricedLine, Reason, type ServiceName } from './values.ts'

interface EventContract<Data extends z.ZodType> {
  by: ServiceName
  routingKey: string
  /** Of the data's shape. A consumer parks what is newer than it knows. */
  version: number
  /** A final event asks nothing of anyone: it may have no listener. */
  final: boolean
  data: Data
}

const contract = <Data extends z.ZodType>(it: EventContract<Data>) => it

const pricedLines = z.array(PricedLine).min(1)

/** Every event of the system: who says it, under which routing key, and what it carries. */
export const events = {
  OrderPlaced: contract({
    by: 'order',
    routingKey: 'order.create',
    version: 1,
    final: false,
    data: z.object({ orderId: Id, userId: Id, items: LinesSaid }),
  }),
  StockReserved: contract({
    by: 'product',
    routingKey: 'user.check',
    version: 1,
    final: false,
    data: z.object({ orderId: Id, userId: Id, total: Money, items: pricedLines }),
  }),
  StockRejected: contract({
    by: 'product',
    routingKey: 'update.stock',
    version: 1,
    final: false,
    data: z.object({ orderId: Id, reason: Reason }),
  }),
  BalanceDebited: contract({
    by: 'user',
    routingKey: 'update.balance',
    version: 1,
    final: false,
    // The priced lines are passed on so that the order learns its prices; see docs/decisions.
    data: z.object({ orderId: Id, userId: Id, amount: Money, items: pricedLines.optional() }),
  }),
  BalanceRejected: contract({
    by: 'user',
    routingKey: 'update.balance',
    version: 1,
    final: false,
    data: z.object({ orderId: Id, userId: Id, reason: Reason }),
  }),
  OrderSucceeded: contract({
    by: 'order',
    routingKey: 'update.order',
    version: 1,
    final: true,
    data: z.object({ orderId: Id, userId: Id, total: Money }),
  }),
  OrderFailed: contract({
    by: 'order',
    routingKey: 'update.cancel',
    version: 1,
    final: false,
    data: z.object({ orderId: Id, userId: Id, reason: Reason }),
  }),
  StockReleased: contract({
    by: 'product',
    routingKey: 'update.stock',
    version: 1,
    final: true,
    data: z.object({ orderId: Id, items: pricedLines }),
  }),
  BalanceRefunded: contract({
    by: 'user',
    routingKey: 'update.balance',
    version: 1,
    final: true,
    data: z.object({ orderId: Id, userId: Id, amount: Money }),
  }),
} as const

export type EventType = keyof typeof events
export type EventData<T extends EventType> = z.infer<(typeof events)[T]['data']>

/** What happened, as a decision says it: no id, no time; the rim adds those. */
export type DomainEvent<T extends EventType = EventType> = { [K in T]: { type: K; data: EventData<K> } }[T]

export const eventTypes = Object.keys(events) as EventType[]
export const isEventType = (type: string): type is EventType => Object.hasOwn(events, type)
