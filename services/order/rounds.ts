import { backoffMs, describe, isTransient, pause, Unavailable } from '../../shared/failure/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Background } from '../../shared/service/index.ts'

export interface RoundsOptions {
  name: string
  everyMs: number
  /** Does some of what is due, and tells whether there may be more: then the next round follows at once. */
  round(): Promise<boolean>
  log: Log
}

/** Background work in rounds until the service stops. A round that fails is made again, less and less often while it goes on. */
export const inRounds = ({ name, everyMs, round, log }: RoundsOptions): Background => ({
  name,
  async run(signal) {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const more = await round()
        failures = 0
        if (more) continue
      } catch (error) {
        failures += 1
        if (error instanceof Unavailable || isTransient(error))
          log.warn({ reason: describe(error) }, `${name} waits for the database`)
        else log.error({ err: error }, `${name} failed`)
      }
      await pause(
        everyMs + (failures === 0 ? 0 : backoffMs(failures, { firstMs: 500, capMs: 5_000 })),
        signal,
      )
    }
  },
})
