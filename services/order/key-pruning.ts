import type { Log } from '../../shared/log/index.ts'
import { inRounds } from './rounds.ts'

export interface KeyPruningOptions {
  /** Forgets the oldest keys past their lifetime, at most this many; how many it forgot. */
  forget(limit: number): Promise<number>
  log: Log
}

const everyMs = 60_000
const perRound = 1_000

/** Keys are forgotten in statements of bounded size, so that no placing waits for one; every order service takes its part. */
export const keyPruning = ({ forget, log }: KeyPruningOptions) =>
  inRounds({
    name: 'the pruning of Idempotency-Keys',
    everyMs,
    log,
    async round() {
      const keys = await forget(perRound)
      if (keys > 0) log.info({ keys }, 'Idempotency-Keys past their lifetime forgotten')
      return keys === perRound
    },
  })
