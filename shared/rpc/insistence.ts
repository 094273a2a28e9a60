import { describe, pause } from '../failure/index.ts'
import type { Log } from '../log/index.ts'

/** Work that goes on after its caller was answered. */
export interface Insistence {
  /** Tries until `work` says that it is done, or too often. Never throws: what is given up is logged with `what`. */
  insist(what: string, work: () => Promise<boolean>): void
  /** One last try of each, now; a request that nobody answers in time stays in its queue until it expires. */
  stop(): Promise<void>
}

export interface InsistenceOptions {
  log: Log
  /** Between the tries, milliseconds: long enough for a service to be restarted. */
  pausesMs?: readonly number[]
}

const stopTimeoutMs = 3_000

/**
 * A few tries over half a minute and no more: nothing is written down, so what is given up, or lost with this process, stays undone.
 * That is the price of a flow without an outbox.
 */
export const createInsistence = ({
  log,
  pausesMs = [500, 1_000, 2_000, 4_000, 8_000, 16_000],
}: InsistenceOptions): Insistence => {
  const pending = new Set<Promise<void>>()
  const stopping = new AbortController()

  const isDone = async (what: string, work: () => Promise<boolean>) => {
    try {
      return await work()
    } catch (error) {
      log.warn({ what, reason: describe(error) }, 'not done yet')
      return false
    }
  }

  const keepTrying = async (what: string, work: () => Promise<boolean>) => {
    if (await isDone(what, work)) return
    for (const ms of pausesMs) {
      await pause(ms, stopping.signal)
      const isLast = stopping.signal.aborted
      if (await isDone(what, work)) return
      if (isLast) break
    }
    log.error({ what }, 'given up')
  }

  return {
    insist(what, work) {
      const trying = keepTrying(what, work)
      pending.add(trying)
      void trying.finally(() => pending.delete(trying))
    },
    async stop() {
      stopping.abort()
      const enough = new AbortController()
      await Promise.race([Promise.all([...pending]), pause(stopTimeoutMs, enough.signal)])
      enough.abort()
    },
  }
}
