import { backoffMs, describe, isTransient, pause, Unavailable } from '../failure/index.ts'

export interface UntilAvailableOptions {
  signal: AbortSignal
  waiting(attempt: number, reason: string): void
}

/**
 * Nothing is wrong with a message when the database can't be had: the same work is tried again, the message unacknowledged, until
 * it is done or the service stops. Throws anything that is not a matter of waiting, and what it was when the service stops.
 */
export const untilAvailable = async <Result>(
  work: () => Promise<Result>,
  { signal, waiting }: UntilAvailableOptions,
): Promise<Result> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted || !(error instanceof Unavailable || isTransient(error))) throw error
      waiting(attempt, describe(error))
      await pause(backoffMs(attempt, { firstMs: 100, capMs: 5_000 }), signal)
    }
  }
}
