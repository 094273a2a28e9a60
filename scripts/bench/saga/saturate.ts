import { setTimeout as pause } from 'node:timers/promises'
import { withClient } from '../../../shared/database/migrations/index.ts'
import { createActors, createHttpClient, type HttpClient } from '../../compare/index.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'
import { checkAtRest } from './check-at-rest.ts'
import { watchDeliveryOrder } from './delivery-order.ts'
import { retriedPercent } from './retries.ts'
import { type Services, type ServicesOptions, withServices } from './services.ts'

export interface Saturation extends Pick<ServicesOptions, 'replicas' | 'settings'> {
  orders: number
  /** One product that is in every order, beside one of a thousand; else both lines are of the thousand. */
  hot?: boolean
  /** 400 when not said. */
  connections?: number
}

const manyConnections = 400
const users = 200
const products = 1_000
const warmUpShare = 0.3
const plenty = 1_000_000_000
const patienceMs = 120_000

/** Places orders as fast as the service takes them, and counts until the last one is settled. All of them can succeed. */
export const saturate = (scene: Scene, options: Saturation): Promise<Outcome> =>
  withServices(scene, options, async (services) => {
    const http = createHttpClient(30_000)
    try {
      const count = scene.scaled(options.orders)
      const orderFor = await createShop(services, http, options.hot ?? false)
      await settleAll(services, http, orderFor, Math.ceil(count * warmUpShare), options)
      let seconds = 0
      await scene.window(count, async () => {
        seconds = await settleAll(services, http, orderFor, count, options)
      })
      const checkOrder = await watchDeliveryOrder(services)
      await settleAll(services, http, orderFor, Math.ceil(count * warmUpShare), options)
      await checkAtRest(services)
      await checkOrder()
      return { figures: { rate: count / seconds, retried: await retriedPercent(services, http) } }
    } finally {
      http.close()
    }
  })

type OrderFor = (nth: number) => object

/** Users and products that never run out, and the orders for them. */
export const createShop = async ({ urls }: Services, http: HttpClient, hot: boolean): Promise<OrderFor> => {
  const named = (kind: string, length: number) => Array.from({ length }, (_, nth) => `${kind} ${nth}`)
  const { userIds, productIds } = await createActors(
    {
      users: named('user', users).map((name, nth) => ({
        name,
        email: `u${nth}@example.org`,
        balance: plenty,
      })),
      products: named('product', products).map((name) => ({ name, price: 1, stock: plenty })),
    },
    urls,
    http,
  )
  const line = (nth: number) => ({ productId: productIds[nth % products], quantity: 1 })
  // 7 and the thousand have no factor in common, so the two lines of an order are of different products.
  return (nth) => ({
    userId: userIds[nth % users],
    items: [hot ? line(0) : line(nth * 7), line(1 + ((nth * 7) % (products - 1)))].filter(
      ({ productId }, index, lines) => lines.findIndex((it) => it.productId === productId) === index,
    ),
  })
}

/** Places so many orders over many connections, spread over the replicas. Returns the seconds from the first one to the last terminal status. */
export const settleAll = async (
  { processes, databases }: Services,
  http: HttpClient,
  orderFor: OrderFor,
  count: number,
  { connections = manyConnections }: Pick<Saturation, 'connections'> = {},
): Promise<number> => {
  const orderUrls = processes.filter(({ name }) => name === 'order').map(({ url }) => url)
  const began = performance.now()
  let next = 0
  const place = async () => {
    while (next < count) {
      const nth = next++
      const { status, body } = await http.post(`${orderUrls[nth % orderUrls.length]}/orders`, orderFor(nth))
      if (status !== 202) throw new Error(`an order was answered ${status}: ${body}`)
    }
  }
  await Promise.all(Array.from({ length: connections }, place))
  await withClient(databases.order, async (client) => {
    for (let left = 1; left > 0; await pause(20)) {
      const { rows } = await client.query<{ left: number }>(
        `select count(*)::int as left from orders where status = 'PROCESSING'`,
      )
      left = rows[0]?.left ?? 0
      if (performance.now() - began > patienceMs) throw new Error(`${left} orders did not settle`)
    }
  })
  return (performance.now() - began) / 1000
}
