import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ChildSettings } from './relay-child.ts'
import type { Outbox } from './with-outbox.ts'
import { withOutbox } from './with-outbox.ts'

export interface Child {
  name: string
  process: ChildProcess
  /** Every state it was in, in order. */
  states: string[]
  signal: (signal: NodeJS.Signals) => void
  ended: () => Promise<void>
}

export interface Children extends Outbox {
  start: (settings?: Partial<ChildSettings>) => Child
  /** What was published, in order, first occurrences and repeats alike. */
  published: () => Promise<{ aggregateId: string; place: number; relay: string }[]>
}

const begin = (url: string, name: string, settings: ChildSettings): Child => {
  const file = join(import.meta.dirname, 'relay-child.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', file, url, name, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const states: string[] = []
  child.stdout!.on('data', (text) => states.push(...String(text).trim().split('\n')))
  return {
    name,
    process: child,
    states,
    signal: (signal) => void child.kill(signal),
    ended: async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** An outbox whose relays are processes; all that still live are killed at the end. */
export const withChildren = (use: (given: Children) => Promise<void>): Promise<void> =>
  withOutbox(async (outbox) => {
    await outbox.client.query('create table publish_log (position bigserial, relay text, event_id uuid)')
    const children: Child[] = []
    const start = (settings: Partial<ChildSettings> = {}) => {
      const child = begin(outbox.url, `relay-${children.length + 1}`, { leaseMs: 1000, ...settings })
      children.push(child)
      return child
    }
    const published = async () => {
      const { rows } = await outbox.client.query(
        `select aggregate_id::text as "aggregateId", (payload->>'place')::int as place, relay
         from publish_log join outbox using (event_id) order by position`,
      )
      return rows
    }
    try {
      await use({ ...outbox, start, published })
    } finally {
      for (const child of children) child.signal('SIGKILL')
      await Promise.all(children.map((child) => child.ended()))
    }
  })
