import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { HttpRefusal } from './problem.ts'

/**
 * At most so many requests a second per Authorization header, which is kept as a hash only. Requests without one are not limited:
 * nobody's requests count against another's.
 */
export const createRateLimit = (perSecond: number) => {
  const limiter = new RateLimiterMemory({ points: perSecond, duration: 1 })
  return async ({ headers }: IncomingMessage): Promise<void> => {
    if (headers.authorization === undefined) return
    const key = createHash('sha256').update(headers.authorization).digest('base64url')
    try {
      await limiter.consume(key)
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      throw new HttpRefusal('too_many', 'Too many requests with this token.', {
        code: 'rate.exceeded',
        next: 'Wait as long as Retry-After says.',
        headers: { 'Retry-After': String(Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))) },
      })
    }
  }
}
