import type { OutboxRow, PublishOutcome, RelayTransport } from '../index.ts'

export interface Published {
  aggregateId: string
  eventId: string
  place: number
  /** Whether the answer said so. */
  confirmed: boolean
}

export const placeOf = (row: OutboxRow): number => (JSON.parse(row.payloadText) as { place: number }).place

type Script = (row: OutboxRow, nth: number) => PublishOutcome | Promise<PublishOutcome>

const confirmAll: Script = () => ({ kind: 'confirmed' })

/** A broker in memory: answers by script, where `nth` counts the publishes of that event from 1; keeps what it was given. */
export const createFakeTransport = (
  script: Script = confirmAll,
  ready: () => Promise<void> = async () => {},
) => {
  const log: Published[] = []
  const times = new Map<string, number>()
  const flying = new Map<string, number>()
  let overlaps = 0
  let most = 0
  const transport: RelayTransport = {
    ready,
    publish: async (row) => {
      const nth = (times.get(row.eventId) ?? 0) + 1
      times.set(row.eventId, nth)
      const others = flying.get(row.aggregateId) ?? 0
      if (others > 0) overlaps += 1
      flying.set(row.aggregateId, others + 1)
      most = Math.max(
        most,
        [...flying.values()].reduce((sum, count) => sum + count, 0),
      )
      const entry = {
        aggregateId: row.aggregateId,
        eventId: row.eventId,
        place: placeOf(row),
        confirmed: false,
      }
      log.push(entry)
      try {
        const outcome = await script(row, nth)
        entry.confirmed = outcome.kind === 'confirmed'
        return outcome
      } finally {
        flying.set(row.aggregateId, flying.get(row.aggregateId)! - 1)
      }
    },
  }
  return {
    transport,
    log,
    /** Places of an aggregate as published, repeats included. */
    placesOf: (aggregateId: string) =>
      log.filter((one) => one.aggregateId === aggregateId).map((one) => one.place),
    /** How often two of one aggregate were in flight at once. */
    overlaps: () => overlaps,
    /** The most that was ever in flight. */
    mostInFlight: () => most,
  }
}

/** Each value at its first occurrence. */
export const firsts = (places: readonly number[]): number[] => [...new Set(places)]

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
