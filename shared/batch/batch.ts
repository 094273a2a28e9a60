import { setImmediate as turn } from 'node:timers/promises'

export interface BatchOptions<Item, Result> {
  /** The largest batch; what waits beyond it goes into the next. */
  max: number
  /** Handles a batch and returns one result per item, in order; a throw rejects every item of the batch. */
  run: (items: readonly Item[]) => Promise<readonly Result[]>
}

/**
 * Runs one batch at a time, each as large as what is waiting: a quiet system adds no delay, a busy one saves work.
 * Returns a function that adds an item and resolves to that item's result.
 */
export const createBatch = <Item, Result>({ max, run }: BatchOptions<Item, Result>) => {
  type Waiting = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }
  let waiting: Waiting[] = []
  let running = false

  const drain = async () => {
    running = true
    while (waiting.length > 0) {
      // Whatever arrives in the same turn of the event loop, on whichever socket, belongs to this batch.
      await turn()
      const batch = waiting.slice(0, max)
      waiting = waiting.slice(max)
      try {
        const results = await run(batch.map(({ item }) => item))
        batch.forEach(({ resolve }, index) => {
          resolve(results[index] as Result)
        })
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    running = false
  }

  return (item: Item): Promise<Result> =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!running) void drain()
    })
}
