import type { Log } from '../../shared/log/index.ts'
import type { ExpireOrder } from './domain.ts'
import { inRounds } from './rounds.ts'

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
export const expiry = ({ expired, expire, log }: ExpiryOptions) =>
  inRounds({
    name: 'the expiry of orders',
    everyMs,
    log,
    async round() {
      const ids = await expired(perRound)
      await Promise.all(ids.map((orderId) => expire({ type: 'ExpireOrder', data: { orderId } })))
      if (ids.length > 0) log.info({ orders: ids.length }, 'orders past their deadline failed')
      return ids.length === perRound
    },
  })
