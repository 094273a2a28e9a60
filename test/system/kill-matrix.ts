import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { settled } from './rest.ts'
import { addProduct, addUser, place } from './shop.ts'
import type { System } from './with-system.ts'

const inAct = ['received', 'afterInbox', 'afterOutbox', 'afterCommit']
const ofRelay = ['afterClaim', 'afterPublish', 'afterConfirm', 'beforeMark', 'afterMark'].map(
  (at) => `relay.${at}`,
)
const through = (door: string, types: readonly string[]) =>
  types.flatMap((type) => inAct.map((point) => `${door}.${type}.${point}`))
// A command has no message id, so it passes no inbox.
const fromHttp = (type: string) => through('http', [type]).filter((point) => !point.endsWith('afterInbox'))

/** Every crash point of each service. */
export const crashPoints: Record<ServiceName, readonly string[]> = {
  order: [
    ...fromHttp('PlaceOrder'),
    ...fromHttp('CancelOrder'),
    ...fromHttp('ExpireOrder'),
    ...through('order.events', ['StockRejected', 'BalanceDebited', 'BalanceRejected']),
    ...ofRelay,
  ],
  product: [...through('product.events', ['OrderPlaced', 'OrderFailed']), ...ofRelay],
  user: [...through('user.events', ['StockReserved', 'OrderFailed']), ...ofRelay],
}

export type Round = Partial<Record<ServiceName, string>>

/** All points whose name contains one of `parts` (all when there are none), one of each service at a time. */
export const killRounds = (parts: readonly string[] = []): Round[] => {
  const wanted = (point: string) => parts.length === 0 || parts.some((part) => point.includes(part))
  const points = services.map((service) => [service, crashPoints[service].filter(wanted)] as const)
  const longest = Math.max(...points.map(([, its]) => its.length))
  return Array.from({ length: longest }, (_, n) =>
    Object.fromEntries(points.flatMap(([service, its]) => (its[n] === undefined ? [] : [[service, its[n]]]))),
  )
}

interface Cast {
  rich: string
  poor: string
  tea: string
  none: string
}

/**
 * Every kind of order at once: paid, out of stock, without money, and one that is cancelled. What gets no answer is not asked
 * again; what came of it the invariants tell.
 */
const sendOrders = async (system: System, { rich, poor, tea, none }: Cast): Promise<void> => {
  const one = (productId: string) => [{ productId, quantity: 1 }]
  const tries = [
    () => place(system, rich, one(tea)),
    () => place(system, rich, one(none)),
    () => place(system, poor, one(tea)),
    async () => {
      const { body } = await place(system, rich, one(tea))
      await system.order.post(`/orders/${body.id}/cancel`)
    },
  ]
  await Promise.all(tries.map((attempt) => attempt().catch(() => {})))
}

/**
 * Starts services with a crash point each, sends orders until all of them died there, starts them again without, and waits for
 * rest. Throws when a point was never passed.
 */
export const killAt = async (system: System, round: Round): Promise<void> => {
  const victims = services.filter((service) => round[service] !== undefined)
  const [rich, poor] = await Promise.all([addUser(system, 100_000), addUser(system, 0)])
  const [tea, none] = await Promise.all([addProduct(system, 10_000), addProduct(system, 0)])
  const cast = { rich, poor, tea, none }
  const expires = round.order?.includes('ExpireOrder') ?? false
  const deadline: Record<string, string> = expires ? { ORDER_DEADLINE_MS: '1' } : {}
  await Promise.all(
    victims.map((service) => system[service].restart({ FAULT: `${round[service]}:kill:1`, ...deadline })),
  )
  const due = new Set(victims)
  await eventually(
    async () => {
      const died = [...due].filter((service) => !system[service].isRunning())
      // One that died waits for no other: they may need it to get where they die.
      await Promise.all(died.map((service) => system[service].start()))
      for (const service of died) due.delete(service)
      // Only what nobody answers expires.
      if (expires && due.has('order')) await system.product.pause()
      else system.product.resume()
      if (due.size === 0) return true
      await sendOrders(system, cast)
      throw new Error(`never passed: ${[...due].map((service) => round[service]).join(', ')}`)
    },
    { withinMs: 60_000, everyMs: 300 },
  )
  await settled(system)
}
