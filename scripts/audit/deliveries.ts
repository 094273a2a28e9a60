import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { type Delivery, selectEvents } from './event-rows.ts'
import { consumerOf, heardBy, reaching } from './hearing.ts'
import { nextKey, openReader, take } from './reader.ts'
import type { Snapshots } from './snapshot.ts'
import type { Limits } from './verdict.ts'

interface Said {
  id: string
  /** Published longer ago than the grace, and not so long ago that its inbox row may be pruned. */
  due: boolean
}
interface Handled {
  id: string
  /** Handled so long ago that its outbox row must be in every snapshot. */
  due: boolean
}

export interface Unmatched {
  to: ServiceName
  /** Published and not handled. */
  open: string[]
  /** Handled and never said. */
  unknown: string[]
}

const list = (types: readonly string[]) => types.map((type) => `'${type}'`).join(', ')
const interval = (ms: number) => `make_interval(secs => ${ms / 1_000})`
const literal = (at: Date) => `'${at.toISOString()}'::timestamptz`

/**
 * Every outbox against every inbox, event by event: one sorted stream of each publisher, one of the consumer. `most` bounds what
 * is kept of each kind.
 */
export const matchDeliveries = async (
  snapshots: Snapshots,
  { graceMs, retentionMs }: Limits,
  most: number,
): Promise<Unmatched[]> => {
  const earliest = new Date(Math.min(...services.map((service) => snapshots[service].at.getTime())))
  const unmatched: Unmatched[] = []
  for (const to of services) {
    const at = literal(snapshots[to].at)
    const publishers = await Promise.all(
      services.map((service) =>
        openReader<Said>(
          snapshots[service],
          `said_to_${to}`,
          `select event_id::text as id, type in (${list(heardBy(to))})
             and published_at < ${at} - ${interval(graceMs)}
             and published_at > ${at} - ${interval(2 * retentionMs)} as due
           from outbox where type in (${list(reaching(to))}) order by event_id`,
        ),
      ),
    )
    const inbox = await openReader<Handled>(
      snapshots[to],
      `handled_by_${to}`,
      `select event_id::text as id, handled_at < ${literal(earliest)} - ${interval(graceMs)} as due
       from inbox where consumer = '${consumerOf(to)}' order by event_id`,
    )
    const result: Unmatched = { to, open: [], unknown: [] }
    const kept = isKept(snapshots[to].at.getTime() - retentionMs)
    const readers = [...publishers, inbox]
    for (let id = nextKey(readers); id !== undefined; id = nextKey(readers)) {
      let said: Said | undefined
      for (const publisher of publishers) {
        const row = await take(publisher, id)
        if (row !== undefined && !said?.due) said = row
      }
      const handled = await take(inbox, id)
      if (said?.due && handled === undefined && result.open.length < most) result.open.push(id)
      if (handled?.due && said === undefined && result.unknown.length < most && kept(id))
        result.unknown.push(id)
    }
    unmatched.push(result)
  }
  return unmatched
}

/** When a UUIDv7 was made, in milliseconds since 1970; undefined for other UUIDs. */
export const timeOfId = (id: string): number | undefined =>
  id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined

/** An event's outbox row is kept for the retention from its publication on, which is not before its id was made. */
const isKept = (since: number) => (id: string) => (timeOfId(id) ?? since + 1) > since

/** The rows behind the ids of unhandled events. */
export const deliveriesOf = async (snapshots: Snapshots, { to, open }: Unmatched): Promise<Delivery[]> => {
  if (open.length === 0) return []
  const deliveries: Delivery[] = []
  for (const service of services) {
    const events = await selectEvents(snapshots, service, 'event_id = any($1::uuid[]) order by id', [open])
    deliveries.push(...events.map((event) => ({ event, to })))
  }
  return deliveries
}
