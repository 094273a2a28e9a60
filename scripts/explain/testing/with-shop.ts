import * as assert from 'uvu/assert'
import { eventually } from '../../../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  getOrder,
  place,
  type System,
  type SystemOptions,
  withSystem,
} from '../../../test/system/index.ts'
import type { VerdictKind } from '../verdict.ts'
import { explainIn } from './explain-in.ts'
import { save } from './save-for-reading.ts'

export interface Shop {
  system: System
  order(): Promise<string>
  stuck(
    orderId: string,
    kind: VerdictKind,
    says: RegExp,
    next: RegExp,
    look?: Parameters<typeof explainIn>[2],
  ): Promise<string | undefined>
  settled(orderId: string): Promise<void>
}

/** A system with something to buy, whose deadlines are far away. `stuck` waits for a verdict, and sees that it is told as it is meant. */
export const withShop = (
  env: Record<string, string>,
  use: (shop: Shop) => Promise<void>,
  options: SystemOptions = {},
) =>
  withSystem(
    {
      mode: 'choreography',
      start: false,
      ...options,
      env: { RETRY_DELAYS_MS: '60000,60000', ORDER_DEADLINE_MS: '600000', ...env },
    },
    async (system) => {
      await Promise.all([system.order.start(), system.product.start(), system.user.start()])
      const userId = await addUser(system)
      const productId = await addProduct(system)
      await use({
        system,
        order: async () => (await place(system, userId, [{ productId, quantity: 1 }])).body.id,
        async stuck(orderId, kind, says, next, look = {}) {
          const seen = await eventually(
            async () => {
              const it = await explainIn(system, orderId, look)
              if (it.verdict.kind !== kind) throw new Error(`${it.verdict.kind}: ${it.verdict.sentence}`)
              return it
            },
            { withinMs: 20_000 },
          )
          await save(`stuck-${kind}-${orderId.slice(14, 23)}`, system, seen)
          assert.match(seen.verdict.sentence, says)
          assert.match(seen.verdict.next ?? '', next)
          assert.match(seen.text, seen.verdict.sentence)
          if (seen.verdict.next !== undefined) assert.match(seen.text, `next: ${seen.verdict.next}`)
          return seen.verdict.next
        },
        async settled(orderId) {
          await eventually(async () => (await getOrder(system, orderId)).status === 'SUCCESS', {
            withinMs: 30_000,
          })
          const seen = await eventually(
            async () => {
              const it = await explainIn(system, orderId)
              return it.verdict.kind === 'at_rest' && it
            },
            { withinMs: 20_000 },
          )
          for (const path of seen.paths)
            assert.is(
              path.hops.reduce((sum, { ms }) => sum + ms, 0),
              path.ms,
            )
        },
      })
    },
  )
