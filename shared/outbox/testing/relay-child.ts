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
  /** Publishes are never answered. */
  mute?: boolean
  /** What SIGUSR2 does to the way to the broker, and takes back: `ready` waits, or it does not and publishes come back unknown. */
  cut?: 'not ready' | 'unknown'
  /** Dies at the nth pass of this crash point. */
  crash?: { at: string; nth: number }
}

const main = ([url, name, json]: string[]) => {
  const settings = JSON.parse(json!) as ChildSettings
  const log = new pg.Pool({ connectionString: url!, max: 3 })
  log.on('error', () => {})
  let isCut = false
  process.on('SIGUSR2', () => {
    isCut = !isCut
  })
  const transport: RelayTransport = {
    ready: async (signal) => {
      while (isCut && settings.cut === 'not ready') await pause(10, undefined, { signal })
    },
    publish: async (row) => {
      if (settings.mute === true) await new Promise(() => {})
      if (isCut) return { kind: 'unknown', reason: 'the broker is out of reach' }
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
