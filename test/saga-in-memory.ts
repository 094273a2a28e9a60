import fc from 'fast-check'
import * as order from '../services/order/domain.ts'
import * as product from '../services/product/domain.ts'
import * as user from '../services/user/domain.ts'
import type { DomainEvent, ServiceName } from '../shared/contracts/index.ts'
import type { Decision } from '../shared/saga/index.ts'

/** One order's fate: what it asks, what is there, and what goes wrong on the way. */
export interface Incident {
  orderId: string
  quantity: number
  price: number
  stock: number
  balance: number
  /** none; cancelled before anyone answered; expired after the debit was under way. */
  trouble: 'none' | 'cancelled-early' | 'expired-late'
}

export const incident = (): fc.Arbitrary<Incident> =>
  fc.record({
    orderId: fc.uuid(),
    quantity: fc.integer({ min: 1, max: 4 }),
    price: fc.integer({ min: 0, max: 9 }),
    stock: fc.integer({ min: 0, max: 12 }),
    balance: fc.integer({ min: 0, max: 40 }),
    trouble: fc.constantFrom('none', 'cancelled-early', 'expired-late'),
  })

const productId = 'p'
const userId = 'u'
const now = new Date(0)

/** The three services' states in memory, and the decisions of their choreography tables on them. */
export const memory = (stock: number, price: number, balance: number) => {
  const orders = new Map<string, order.Order>()
  const reservations = new Map<string, product.Reservation>()
  const payments = new Map<string, user.Payment>()
  const it = { orders, reservations, payments, stock, balance, lowestStock: stock, lowestBalance: balance }

  const onOrder = (orderId: string, decide: (state: order.OrderState) => Decision<order.OrderState>) => {
    const { state, events } = decide({ orderId, now, order: orders.get(orderId) })
    if (state.order !== undefined) orders.set(orderId, state.order)
    return events
  }
  const onStock = (orderId: string, decide: (state: product.StockState) => Decision<product.StockState>) => {
    const products = new Map([[productId, { id: productId, price, stock: it.stock, deleted: false }]])
    const { state, events } = decide({ orderId, reservation: reservations.get(orderId), products })
    if (state.reservation !== undefined) reservations.set(orderId, state.reservation)
    it.stock = state.products.get(productId)?.stock ?? Number.NaN
    it.lowestStock = Math.min(it.lowestStock, it.stock)
    return events
  }
  const onBalance = (orderId: string, decide: (state: user.BalanceState) => Decision<user.BalanceState>) => {
    const account = { id: userId, balance: it.balance, deleted: false }
    const { state, events } = decide({ orderId, payment: payments.get(orderId), account })
    if (state.payment !== undefined) payments.set(orderId, state.payment)
    it.balance = state.account?.balance ?? Number.NaN
    it.lowestBalance = Math.min(it.lowestBalance, it.balance)
    return events
  }

  const place = (orderId: string, quantity: number) =>
    onOrder(orderId, (state) =>
      order.placeOrder(state, {
        type: 'PlaceOrder',
        data: { orderId, userId, items: [{ productId, quantity }], mode: 'choreography' },
      }),
    )
  const cancel = (orderId: string) =>
    orders.get(orderId)?.status === 'PROCESSING'
      ? onOrder(orderId, (state) => order.cancelOrder(state, { type: 'CancelOrder', data: { orderId } }))
      : []
  const expire = (orderId: string) =>
    onOrder(orderId, (state) => order.expireOrder(state, { type: 'ExpireOrder', data: { orderId } }))

  /** What a service says on hearing an event; nothing when its table has no row for it. */
  const hear = (service: ServiceName, event: DomainEvent): readonly DomainEvent[] => {
    const { orderId } = event.data
    switch (`${service} ${event.type}`) {
      case 'product OrderPlaced':
        return onStock(orderId, (state) => product.reserveStock(state, event as DomainEvent<'OrderPlaced'>))
      case 'product OrderFailed':
        return onStock(orderId, (state) => product.releaseStock(state, event as DomainEvent<'OrderFailed'>))
      case 'user StockReserved':
        return onBalance(orderId, (state) => user.debitBalance(state, event as DomainEvent<'StockReserved'>))
      case 'user OrderFailed':
        return onBalance(orderId, (state) => user.refundBalance(state, event as DomainEvent<'OrderFailed'>))
      case 'order StockRejected':
      case 'order BalanceRejected':
        return onOrder(orderId, (state) => order.rejectOrder(state, event as DomainEvent<'StockRejected'>))
      case 'order BalanceDebited':
        return onOrder(orderId, (state) => order.confirmOrder(state, event as DomainEvent<'BalanceDebited'>))
      default:
        return []
    }
  }
  return { ...it, it, place, cancel, expire, hear }
}

export const everyService: readonly ServiceName[] = ['order', 'product', 'user']

/** All that is said about one order when each event is delivered once, in order, with the incident's trouble. */
export const history = ({ orderId, quantity, price, stock, balance, trouble }: Incident): DomainEvent[] => {
  const system = memory(stock, price, balance)
  const told: DomainEvent[] = [...system.place(orderId, quantity)]
  if (trouble === 'cancelled-early') told.push(...system.cancel(orderId))
  for (let next = 0; next < told.length; next += 1) {
    const event = told[next] as DomainEvent
    // The debit is under way, and the deadline comes first.
    if (trouble === 'expired-late' && event.type === 'BalanceDebited') told.push(...system.expire(orderId))
    for (const service of everyService) told.push(...system.hear(service, event))
  }
  return told
}

/** One service after it heard these events; every event is handled once, as the inbox sees to it. */
export const replayTo = (service: ServiceName, plan: Incident, events: readonly DomainEvent[]) => {
  const system = memory(plan.stock, plan.price, plan.balance)
  if (service === 'order') system.place(plan.orderId, plan.quantity)
  const expired = events.find(
    (event) => event.type === 'OrderFailed' && ['cancelled', 'expired'].includes(event.data.reason),
  )
  // Cancelling and expiring are the order service's own doing: they are not heard, they come first here.
  if (service === 'order' && expired !== undefined) system.expire(plan.orderId)
  for (const event of new Set(events)) system.hear(service, event)
  return { system, orderId: plan.orderId }
}

/** What counts at rest: what is held and how the order stands, not by which way it came there. */
export const heldBy = (service: ServiceName, { system, orderId }: ReturnType<typeof replayTo>) => ({
  status: service === 'order' ? system.orders.get(orderId)?.status : undefined,
  stock: system.it.stock,
  balance: system.it.balance,
})

/** Many orders on one product and one user, their events delivered in any order, some twice, until nothing is left. */
export const runToRest = (plans: readonly Incident[], dice: Iterator<number>) => {
  const [first] = plans as [Incident]
  const system = memory(first.stock, first.price, first.balance)
  const under: { service: ServiceName; event: DomainEvent }[] = []
  const handled = new Map(everyService.map((service) => [service, new Set<DomainEvent>()]))
  const roll = (sides: number) => (dice.next().value as number) % sides
  const say = (events: readonly DomainEvent[]) => {
    for (const event of events) for (const service of everyService) under.push({ service, event })
  }
  const deliver = () => {
    const [{ service, event }] = under.splice(roll(under.length), 1) as [(typeof under)[number]]
    if (roll(4) === 0) under.push({ service, event })
    const seen = handled.get(service) as Set<DomainEvent>
    if (seen.has(event)) return
    seen.add(event)
    say(system.hear(service, event))
  }
  for (const { orderId, quantity, trouble } of plans) {
    say(system.place(orderId, quantity))
    for (let steps = roll(8); steps > 0 && under.length > 0; steps -= 1) deliver()
    if (trouble === 'cancelled-early') say(system.cancel(orderId))
    if (trouble === 'expired-late') say(system.expire(orderId))
  }
  while (under.length > 0) deliver()
  const { it } = system
  return {
    system,
    price: first.price,
    lowestStock: it.lowestStock,
    lowestBalance: it.lowestBalance,
    stockGone: () => first.stock - it.stock,
    moneyGone: () => first.balance - it.balance,
  }
}

export const outcome = ({ system, price }: ReturnType<typeof runToRest>, orderId: string) => {
  const placed = system.orders.get(orderId)
  const payment = system.payments.get(orderId)
  const reservation = system.reservations.get(orderId)
  const quantity = placed?.items[0]?.quantity ?? 0
  return {
    status: placed?.status,
    total: price * quantity,
    debited: payment?.status === 'DEBITED' ? payment.amount : 0,
    reserved: reservation?.status === 'RESERVED' ? (reservation.items[0]?.quantity ?? 0) : 0,
  }
}
