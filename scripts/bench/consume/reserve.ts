import type { Ask } from '../../../shared/service/index.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'
import { type ShopOptions, withShop } from './shop.ts'

/** OrderPlaced events decided on, so many a transaction, with no broker. */
export const reserve = (scene: Scene, { batch, ...options }: ShopOptions): Promise<Outcome> =>
  withShop(scene, options, async ({ act, placed }) => {
    const asks = placed.map(({ id, data }): Ask => ({ input: { type: 'OrderPlaced', data }, messageId: id }))
    const seconds = await scene.window(asks.length, async () => {
      for (let from = 0; from < asks.length; from += batch) await act(asks.slice(from, from + batch))
    })
    return { figures: { rate: asks.length / seconds } }
  })
