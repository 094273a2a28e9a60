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
  /** From sending the order to seeing its terminal event, or to the answer that told its end. */
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

const line = ({ type, data, at }: Sighting, since: number, style: Style, isToUndo: boolean) => {
  const { by, final } = events[type]
  const ms = style.dim(`${String(Math.round(at - since)).padStart(6)} ms`)
  const listeners = listenersOf(system, type)
  const to = final ? style.dim('(end)') : style.dim(`-> ${listeners.join(', ')}`)
  const words = said[type](data as never)
  const vain = type === 'OrderFailed' && !isToUndo ? style.dim(' (nothing to undo)') : ''
  return `${ms}  ${style.service(by, by.padEnd(8))} ${style.strong(type.padEnd(16))} ${words} ${to}${vain}`
}

const holdsSomething = (seen: readonly Sighting[]): boolean =>
  seen.some(({ type }) => type === 'StockReserved' || type === 'BalanceDebited')

/** Who called whom in rpc mode, by how it ended; services/product/procedures.ts has the order. */
const calls = ({ status, reason }: { status: string; reason: string | null }): string | undefined => {
  if (status === 'SUCCESS') return 'order called product; product called user, then order'
  if (reason === 'out_of_stock') return 'order called product, which refused; user was never called'
  if (reason === 'insufficient_balance')
    return 'order called product; product called user, which refused; product gave the stock back'
  return undefined
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
  const answeredAt = performance.now()
  const answered = style.dim(`${String(Math.round(answeredAt - since)).padStart(6)} ms`)
  print(
    `${answered}  ${'client'.padEnd(8)} ${style.strong(`${response.status} ${placed.status}`.padEnd(16))} order ${placed.id}`,
  )

  const seen: Sighting[] = []
  const over = new AbortController()
  const stop = observer.follow(placed.id, (sighting) => {
    seen.push(sighting)
    print(line(sighting, since, style, holdsSomething(seen)))
    if (isLast(seen)) over.abort()
  })
  if (placed.mode === 'choreography') await pause(patienceMs, over.signal)
  stop()

  const end = (await (await fetch(`${urls.order}/orders/${placed.id}`)).json()) as {
    status: string
    reason: string | null
  }
  const terminal = seen.find(({ type }) => type === 'OrderSucceeded' || type === 'OrderFailed')
  // In rpc mode the client has waited for the whole chain, and there is nothing to overhear.
  const settledAt = terminal?.at ?? (placed.status === end.status ? answeredAt : performance.now())
  const settledMs = Math.round(settledAt - since)
  const how = placed.mode === 'rpc' ? calls(end) : undefined
  if (how !== undefined) print(style.dim(`${' '.repeat(11)}${how}`))
  const asExpected = end.status === scene.expected.status && end.reason === scene.expected.reason
  return { orderId: placed.id, status: end.status, reason: end.reason, settledMs, asExpected }
}
