import { v7 as uuidv7 } from 'uuid'
import { choreography } from '../../../services/product/choreography.ts'
import { openProductDatabase, type ProductDatabase } from '../../../services/product/database.ts'
import { withClient } from '../../../shared/database/migrations/index.ts'
import { noFaults } from '../../../shared/lifecycle/index.ts'
import { type Acted, type Ask, createAct, outboxRim } from '../../../shared/service/index.ts'
import { withFilled } from '../databases.ts'
import { uuidV7Sql } from '../events.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'

export interface ShopOptions {
  events: number
  /** How many are handled in one transaction at most. */
  batch: number
  /** How many products the orders are spread over. */
  products: number
  /** Rows of events handled before, at full scale; none when not said. */
  handledBefore?: number
}

/** An OrderPlaced event. */
export interface Placed {
  id: string
  data: { orderId: string; userId: string; items: { productId: string; quantity: number }[] }
}

export interface Shop {
  /** The whole rim of the product service: inbox, stock, outbox, commit. */
  act(asks: readonly Ask[]): Promise<Acted<unknown>[]>
  placed: readonly Placed[]
}

/** The inbox's name for the product service. */
export const door = 'product.events'

const poolSize = 2

/** A database of the product service, and orders that it can serve. Each of them must have its answer in the outbox afterwards. */
export const withShop = (
  scene: Scene,
  { events, products, handledBefore = 0 }: Omit<ShopOptions, 'batch'>,
  use: (shop: Shop) => Promise<Outcome>,
): Promise<Outcome> =>
  withFilled(scene, filling(handledBefore === 0 ? 0 : scene.scaled(handledBefore)), async (url) => {
    const database = openProductDatabase({ url, name: 'bench', poolSize })
    try {
      const rim = outboxRim({
        table: choreography,
        database,
        namespace: '',
        fault: noFaults,
        says: () => true,
        committed: () => {},
      })
      const placed = placeOrders(scene.scaled(events), await createProducts(database, products))
      const outcome = await use({ act: createAct(rim, door), placed })
      await expectAnswers(url, placed.length)
      return outcome
    } finally {
      await database.close()
    }
  })

const filling = (handledBefore: number) => ({
  name: `product_${handledBefore}`,
  service: 'product' as const,
  fill: async (client: { query(text: string, values: unknown[]): Promise<unknown> }) => {
    await client.query(
      `insert into inbox (consumer, event_id)
       select $1, ${uuidV7Sql('$3::bigint + n', 'md5(random()::text)')} from generate_series(1, $2::int) n`,
      [door, handledBefore, Date.now() - handledBefore],
    )
  },
})

const createProducts = async ({ client }: ProductDatabase, count: number): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => uuidv7())
  const stock = 1_000_000
  await client.product.createMany({
    data: ids.map((id) => ({ id, name: 'bench', price: 100n, stock, openingStock: stock })),
  })
  return ids
}

const placeOrders = (count: number, productIds: readonly string[]): Placed[] =>
  Array.from({ length: count }, (_, nth) => {
    const items = [{ productId: productIds[nth % productIds.length] as string, quantity: 1 }]
    return { id: uuidv7(), data: { orderId: uuidv7(), userId: uuidv7(), items } }
  })

const expectAnswers = (url: string, expected: number): Promise<void> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ count: number }>('select count(*)::int as count from outbox')
    if (rows[0]?.count !== expected)
      throw new Error(`${expected} events were handled, ${rows[0]?.count} of them have an answer`)
  })
