import { setImmediate as turn } from 'node:timers/promises'
import { Unavailable } from '../failure/index.ts'

export interface BatchOptions<Item, Result> {
  /** The largest batch; what waits beyond it goes into the next. */
  max: number
  /** Handles a batch and returns one result per item, in order; a throw rejects every item of the batch. */
  run: (items: readonly Item[]) => Promise<readonly Result[]>
  /**
   * For items whose askers are told of a failure, and would be answered by nobody later: one that has waited so long, milliseconds, is
   * rejected as Unavailable, and so are all that wait when a batch throws Unavailable. None of them is run. Without it items wait.
   */
  patienceMs?: number
}

/**
 * Runs one batch at a time, each as large as what is waiting: a quiet system adds no delay, a busy one saves work.
 * Returns a function that adds an item and resolves to that item's result.
 */
export const createBatch = <Item, Result>({ max, run, patienceMs }: BatchOptions<Item, Result>) => {
  type Waiting = {
    item: Item
    resolve: (result: Result) => void
    reject: (error: unknown) => void
    timer?: NodeJS.Timeout
  }
  const waiting = new Set<Waiting>()
  let running = false

  const take = (count: number): Waiting[] => {
    const taken: Waiting[] = []
    for (const one of waiting) {
      if (taken.length === count) break
      clearTimeout(one.timer)
      waiting.delete(one)
      taken.push(one)
    }
    return taken
  }

  const giveUp = (one: Waiting) => {
    waiting.delete(one)
    one.reject(new Unavailable('too much was waiting to be done', { code: 'service.overloaded' }))
  }

  const drain = async () => {
    running = true
    while (waiting.size > 0) {
      // Whatever arrives in the same turn of the event loop, on whichever socket, belongs to this batch.
      await turn()
      const batch = take(max)
      if (batch.length === 0) break
      try {
        const results = await run(batch.map(({ item }) => item))
        batch.forEach(({ resolve }, index) => {
          resolve(results[index] as Result)
        })
      } catch (error) {
        const failAll = patienceMs !== undefined && error instanceof Unavailable
        for (const { reject } of failAll ? [...batch, ...take(waiting.size)] : batch) reject(error)
      }
    }
    running = false
  }

  return (item: Item): Promise<Result> =>
    new Promise<Result>((resolve, reject) => {
      const one: Waiting = { item, resolve, reject }
      if (patienceMs !== undefined) one.timer = setTimeout(giveUp, patienceMs, one)
      waiting.add(one)
      if (!running) void drain()
    })
}
