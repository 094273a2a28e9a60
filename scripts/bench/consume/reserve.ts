import { v7 as uuidv7 } from 'uuid'
import { choreography } from '../../../services/product/choreography.ts'
import { openProductDatabase } from '../../../services/product/database.ts'
import { noFaults } from '../../../shared/lifecycle/index.ts'
import { type Ask, createAct, outboxRim } from '../../../shared/service/index.ts'
import { withFilled } from '../databases.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'

export interface BatchOptions {
  events: number
  /** How many are handled in one transaction. */
  batch: number
  /** How many products the orders are spread over. */
  products: number
}

const filling = { name: 'product_0', service: 'product' as const, fill: async () => {} }

/** OrderPlaced events through the whole rim of the product service: inbox, stock, outbox, commit. */
export const reserve = (scene: Scene, options: BatchOptions): Promise<Outcome> =>
  withFilled(scene, filling, async (url) => {
    const database = openProductDatabase({ url, name: 'bench', poolSize: 2 })
    try {
      const count = scene.scaled(options.events)
      const ids = await createProducts(database, options.products)
      const rim = outboxRim({
        table: choreography,
        database,
        namespace: '',
        fault: noFaults,
        says: () => true,
        committed: () => {},
      })
      const act = createAct(rim, 'product.events')
      const asks = Array.from({ length: count }, (_, index): Ask => {
        const items = [{ productId: ids[index % ids.length] as string, quantity: 1 }]
        const data = { orderId: uuidv7(), userId: uuidv7(), items }
        return { input: { type: 'OrderPlaced', data }, messageId: uuidv7() }
      })
      const seconds = await scene.window(count, async () => {
        for (let from = 0; from < count; from += options.batch) {
          await act(asks.slice(from, from + options.batch))
        }
      })
      return { figures: { rate: count / seconds } }
    } finally {
      await database.close()
    }
  })

const createProducts = async (
  { client }: ReturnType<typeof openProductDatabase>,
  count: number,
): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => uuidv7())
  const stock = 1_000_000
  await client.product.createMany({
    data: ids.map((id) => ({ id, name: 'bench', price: 100n, stock, openingStock: stock })),
  })
  return ids
}
