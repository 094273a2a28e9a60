import { choreography as order } from '../../services/order/choreography.ts'
import { choreography as product } from '../../services/product/choreography.ts'
import { choreography as user } from '../../services/user/choreography.ts'
import { type EventType, events, type Mode, type ServiceName } from '../../shared/contracts/index.ts'
import { pause } from '../../shared/failure/index.ts'
import { listenersOf } from '../../shared/saga/index.ts'
import { money, type Scene, type Urls } from './cast.ts'
import type { Observer, Sighting } from './observe.ts'

const system = { order, product, user }
const patienceMs = 30_000

export interface Ended {
  orderId: string
  status: string
  reason: string | null
  /** From sending the order to seeing its terminal event. */
  settledMs: number
  asExpected: boolean
}

export interface Style {
  service(name: ServiceName, text: string): string
  strong(text: string): string
  dim(text: string): string
}

const said: { [T in EventType]: (data: never) => string } = {
  OrderPlaced: () => 'an order was placed',
  StockReserved: ({ total }: { total: number }) => `reserved, for ${money(total)} in all`,
  StockRejected: ({ reason }: { reason: string }) => `can't be delivered: ${reason}`,
  BalanceDebited: ({ amount }: { amount: number }) => `took ${money(amount)} from the balance`,
  BalanceRejected: ({ reason }: { reason: string }) => `can't be paid: ${reason}`,
  OrderSucceeded: () => 'the order is SUCCESS',
  OrderFailed: ({ reason }: { reason: string }) => `the order is FAILED (${reason}): undo what you did`,
  StockReleased: () => 'compensated: what was reserved is back in stock',
  BalanceRefunded: ({ amount }: { amount: number }) => `compensated: ${money(amount)} is back in the balance`,
}

const line = ({ type, data, at }: Sighting, since: number, style: Style) => {
  const { by, final } = events[type]
  const ms = style.dim(`${String(Math.round(at - since)).padStart(6)} ms`)
  const listeners = listenersOf(system, type)
  const to = final ? style.dim('(end)') : style.dim(`-> ${listeners.join(', ')}`)
  const words = said[type](data as never)
  return `${ms}  ${style.service(by, by.padEnd(8))} ${style.strong(type.padEnd(16))} ${words} ${to}`
}

/** The event after which nothing more is to come; compensation comes after OrderFailed, when there is something to undo. */
const isLast = (seen: readonly Sighting[]): boolean => {
  const types = seen.map(({ type }) => type)
  if (types.includes('OrderSucceeded')) return true
  if (!types.includes('OrderFailed')) return false
  return !types.includes('StockReserved') || types.includes('StockReleased')
}

/** Places an order over REST and tells, line by line, what the services say until it has settled. */
export const tell = async (
  scene: Scene,
  {
    urls,
    observer,
    style,
    print,
  }: { urls: Urls; observer: Observer; style: Style; print(line: string): void },
): Promise<Ended> => {
  const since = performance.now()
  const response = await fetch(`${urls.order}/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ userId: scene.userId, items: scene.items }),
  })
  const placed = (await response.json()) as { id: string; status: string; mode: Mode }
  const answered = style.dim(`${String(Math.round(performance.now() - since)).padStart(6)} ms`)
  print(
    `${answered}  ${'client'.padEnd(8)} ${style.strong(`${response.status} ${placed.status}`.padEnd(16))} order ${placed.id}`,
  )

  // In rpc mode the client has waited for the whole chain, and there is nothing to overhear.
  if (placed.mode === 'rpc')
    print(style.dim(`${' '.repeat(11)}order called product, which called user and order in turn`))

  const seen: Sighting[] = []
  const over = new AbortController()
  const stop = observer.follow(placed.id, (sighting) => {
    seen.push(sighting)
    print(line(sighting, since, style))
    if (isLast(seen)) over.abort()
  })
  if (placed.mode === 'choreography') await pause(patienceMs, over.signal)
  stop()

  const end = (await (await fetch(`${urls.order}/orders/${placed.id}`)).json()) as {
    status: string
    reason: string | null
  }
  const terminal = seen.find(({ type }) => type === 'OrderSucceeded' || type === 'OrderFailed')
  const settledMs = Math.round((terminal?.at ?? performance.now()) - since)
  const asExpected = end.status === scene.expected.status && end.reason === scene.expected.reason
  return { orderId: placed.id, status: end.status, reason: end.reason, settledMs, asExpected }
}
