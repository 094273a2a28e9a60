import type { ServiceName } from '../../shared/contracts/index.ts'
import { Unavailable } from '../../shared/failure/index.ts'
import { type Publisher, publishDefault } from '../../shared/messaging/index.ts'
import type { RelayTransport } from '../../shared/outbox/index.ts'
import { publishRow, transportOver } from '../../shared/service/index.ts'

const awayMs = 30_000
const mostUnknown = 6

const unavailable = (why: string) => new Unavailable(why, { code: 'broker.unavailable' })

/**
 * How rows go out again: through the exchanges, as the relay does it, or to one queue alone. Throws Unavailable when the broker stays
 * away, or never confirms.
 */
export const replayTransport = (
  service: ServiceName,
  publisher: Publisher,
  queue: string | null,
): RelayTransport => {
  const through =
    queue === null ? transportOver(service, publisher, stands) : toQueue(service, publisher, queue)
  const unknown = new Map<string, number>()
  return {
    async publish(row) {
      const outcome = await through.publish(row)
      if (outcome.kind !== 'unknown') {
        unknown.delete(row.eventId)
        return outcome
      }
      const times = (unknown.get(row.eventId) ?? 0) + 1
      unknown.set(row.eventId, times)
      if (times === mostUnknown) throw unavailable(`The broker does not confirm: ${outcome.reason}.`)
      return outcome
    },
    async ready(signal) {
      // A time-out that only `AbortSignal.any` knew of would be collected, and never fire.
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), awayMs)
      try {
        await publisher.ready(AbortSignal.any([signal, late.signal]))
      } catch {
        if (!signal.aborted) throw unavailable(`The broker was away for ${awayMs / 1_000} s.`)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

const stands = { ready: async () => {} }

const toQueue = (
  service: ServiceName,
  publisher: Publisher,
  queue: string,
): Pick<RelayTransport, 'publish'> => ({
  publish: (row) => publishRow(service, row, (message) => publishDefault(publisher, { ...message, queue })),
})
