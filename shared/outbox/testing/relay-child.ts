import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type CrashPoint, createRelay, type RelayTransport } from '../index.ts'

/**
 * A relay as a process of its own, to be killed or stopped: `relay-child.ts <database url> <name> <settings as JSON>`.
 * Its broker is the table publish_log; it says every change of its state on stdout, one a line.
 */
export interface ChildSettings {
  leaseMs: number
  /** Publishes take so long to be confirmed, at random up to this. */
  confirmMs?: number
  /** Exactly so long instead. */
  confirmAfterMs?: number
  /** Never ready to publish. */
  mute?: boolean
  /** Dies at the nth pass of this crash point. */
  crash?: { at: string; nth: number }
}

const main = ([url, name, json]: string[]) => {
  const settings = JSON.parse(json!) as ChildSettings
  const log = new pg.Pool({ connectionString: url!, max: 3 })
  log.on('error', () => {})
  const transport: RelayTransport = {
    ready: (signal) =>
      settings.mute === true
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        : Promise.resolve(),
    publish: async (row) => {
      await log.query('insert into publish_log (relay, event_id) values ($1, $2)', [name, row.eventId])
      await pause(settings.confirmAfterMs ?? Math.random() * (settings.confirmMs ?? 2))
      return { kind: 'confirmed' }
    },
  }
  const passes = new Map<string, number>()
  const crashPoint: CrashPoint = async (at) => {
    const nth = (passes.get(at) ?? 0) + 1
    passes.set(at, nth)
    if (settings.crash?.at === at && settings.crash.nth === nth) process.kill(process.pid, 'SIGKILL')
  }
  const relay = createRelay({
    databaseUrl: url!,
    transport,
    inFlight: 16,
    pollMs: 100,
    leaseMs: settings.leaseMs,
    ...(settings.crash === undefined ? {} : { crashPoint }),
    observer: { state: (state) => process.stdout.write(`${state}\n`) },
  })
  relay.start()
  process.on('SIGTERM', async () => {
    await relay.stop()
    await log.end()
  })
}

main(process.argv.slice(2))
