import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { HttpClient } from './http-client.ts'
import { quantile } from './statistics.ts'
import type { Plan, PlannedOrder } from './workload.ts'

/** What the client saw of one order, milliseconds after the start. */
export interface Sent {
  i: number
  intendedMs: number
  sentMs: number
  acceptedMs: number | null
  status: number | null
  orderId: string | null
  error: string | null
}

/** Whether the driver itself kept up: how late it sent, and how long its event loop was held. Milliseconds. */
export interface DriverHealth {
  lateP99Ms: number
  lateMaxMs: number
  eventLoopP99Ms: number
  eventLoopMaxMs: number
  /** It sent so late that the figures say more about the driver than about the system. */
  lagging: boolean
}

export interface Driven {
  /** The start, milliseconds since 1970 by the driver's monotonic clock. */
  startedAt: number
  sent: Sent[]
  health: DriverHealth
}

export interface Addresses {
  order: string
  product: string
  user: string
}

export interface Created {
  userIds: string[]
  productIds: string[]
}

const createsInFlight = 16
const lagLimitMs = 50

/** Milliseconds since 1970, without jumps. */
export const now = (): number => performance.timeOrigin + performance.now()

/** Creates the plan's users and products over REST. Throws when one is refused. */
export const createActors = async (
  plan: Pick<Plan, 'users' | 'products'>,
  addresses: Addresses,
  http: HttpClient,
): Promise<Created> => {
  const create = async (url: string, bodies: readonly object[]): Promise<string[]> => {
    const ids = new Array<string>(bodies.length)
    let next = 0
    const worker = async () => {
      for (let index = next++; index < bodies.length; index = next++) {
        const answer = await http.post(url, bodies[index])
        if (answer.status !== 201) throw new Error(`POST ${url} answered ${answer.status}: ${answer.body}`)
        ids[index] = idOf(answer.body) ?? ''
      }
    }
    await Promise.all(Array.from({ length: createsInFlight }, worker))
    return ids
  }
  return {
    userIds: await create(`${addresses.user}/users`, plan.users),
    productIds: await create(`${addresses.product}/products`, plan.products),
  }
}

const idOf = (body: string): string | null => {
  try {
    const { id } = JSON.parse(body) as { id?: unknown }
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}

/** How an order of a plan is known to the order service: its Idempotency-Key. */
export const keyOf = (prefix: string, index: number): string => `${prefix}-${index}`

/**
 * Sends every order of the plan at its time, however many are still unanswered: the load does not wait for the system, so
 * a stall is felt by every order that meets it. Nothing is sent twice. Resolves when each has its answer or its time-out.
 */
export const drive = async (options: {
  plan: Plan
  created: Created
  url: string
  http: HttpClient
  /** Prefix of the Idempotency-Keys. */
  keyPrefix: string
  /** Called once, at the start, with the moment it counts from. */
  onStart?: (startedAt: number) => void
  onProgress?: (sent: number) => void
}): Promise<Driven> => {
  const { plan, onStart, onProgress } = options
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const startedAt = now()
  onStart?.(startedAt)
  const inFlight: Promise<Sent>[] = []
  for (const [index, order] of plan.orders.entries()) {
    const waitMs = startedAt + order.atMs - now()
    if (waitMs > 0) await pause(waitMs)
    inFlight.push(sendOrder(options, order, index, startedAt))
    onProgress?.(index + 1)
  }
  const sent = await Promise.all(inFlight)
  delay.disable()
  return { startedAt, sent, health: healthOf(sent, delay.percentile(99) / 1e6, delay.max / 1e6) }
}

const sendOrder = async (
  { created, url, http, keyPrefix }: { created: Created; url: string; http: HttpClient; keyPrefix: string },
  order: PlannedOrder,
  i: number,
  startedAt: number,
): Promise<Sent> => {
  const body = {
    userId: created.userIds[order.userIndex],
    items: order.items.map(({ productIndex, quantity }) => ({
      productId: created.productIds[productIndex],
      quantity,
    })),
  }
  const sinceStart = () => Math.round((now() - startedAt) * 1_000) / 1_000
  const base = { i, intendedMs: order.atMs, sentMs: sinceStart() }
  try {
    const answer = await http.post(`${url}/orders`, body, { 'idempotency-key': keyOf(keyPrefix, i) })
    const acceptedMs = sinceStart()
    return { ...base, acceptedMs, status: answer.status, orderId: idOf(answer.body), error: null }
  } catch (error) {
    const code = (error as { code?: unknown }).code
    return {
      ...base,
      acceptedMs: null,
      status: null,
      orderId: null,
      error: typeof code === 'string' ? code : 'failed',
    }
  }
}

const healthOf = (sent: Sent[], eventLoopP99Ms: number, eventLoopMaxMs: number): DriverHealth => {
  const late = sent.map(({ sentMs, intendedMs }) => sentMs - intendedMs)
  const lateP99Ms = quantile(late, 0.99) ?? 0
  const lateMaxMs = quantile(late, 1) ?? 0
  return { lateP99Ms, lateMaxMs, eventLoopP99Ms, eventLoopMaxMs, lagging: lateP99Ms > lagLimitMs }
}
