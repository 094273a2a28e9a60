import { backoffMs, describe, pause } from '../../shared/failure/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Background } from '../../shared/service/index.ts'
import type { ExpireOrder } from './domain.ts'

export interface ExpiryOptions {
  /** Orders past their deadline by the database's clock, oldest first, at most this many. */
  expired(limit: number): Promise<readonly string[]>
  expire(command: ExpireOrder): Promise<unknown>
  log: Log
}

const everyMs = 500
const perRound = 200

/**
 * The deadline without a conductor: every order service looks for orders past theirs and fails them; that an order settled
 * meanwhile, or was failed by another process, is seen by the decision under the order's lock.
 */
export const expiry = ({ expired, expire, log }: ExpiryOptions): Background => ({
  name: 'the expiry of orders',
  async run(signal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const ids = await expired(perRound)
        await Promise.all(ids.map((orderId) => expire({ type: 'ExpireOrder', data: { orderId } })))
        failures = 0
        if (ids.length > 0) log.info({ orders: ids.length }, 'orders past their deadline failed')
        if (ids.length === perRound) continue
      } catch (error) {
        failures += 1
        log.warn({ reason: describe(error) }, 'expiry waits for the database')
      }
      await pause(
        everyMs + (failures === 0 ? 0 : backoffMs(failures, { firstMs: 500, capMs: 5_000 })),
        signal,
      )
    }
  },
})
