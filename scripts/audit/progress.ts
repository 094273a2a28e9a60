import { type ServiceName, services } from '../../shared/contracts/index.ts'
import type { BrokerView } from './broker-view.ts'
import { timeOfId } from './deliveries.ts'
import type { Delivery, EventRow } from './event-rows.ts'
import { consumerOf } from './hearing.ts'
import type { Snapshots } from './snapshot.ts'
import type { Limits } from './verdict.ts'

/** How far the relay of a service has come. */
interface RelayFront {
  /** Since it last published anything. */
  idleMs: number
  /** Age of what it published last. */
  createdAgeMs: number
}

interface Fronts {
  relay: RelayFront | undefined
  /** When the newest event was made that the service has handled. */
  handledUntil: number | undefined
}

/** A row may wait this many graces in the outbox: the relay tries a refused one for half a minute before it is parked. */
const outboxGraces = 6
const hour = 3_600_000

const frontsOf = async (snapshots: Snapshots, service: ServiceName): Promise<Fronts> => {
  const { client, at } = snapshots[service]
  const relay = await client.query<RelayFront>(
    `select (extract(epoch from now() - published_at) * 1000)::float8 as "idleMs",
       (extract(epoch from now() - created_at) * 1000)::float8 as "createdAgeMs"
     from outbox where published_at is not null order by published_at desc limit 1`,
  )
  const newest = await client.query<{ id: string }>(
    'select event_id::text as id from inbox where consumer = $1 order by event_id desc limit 100',
    [consumerOf(service)],
  )
  const made = newest.rows.map(({ id }) => timeOfId(id))
  return {
    relay: relay.rows[0],
    handledUntil: made.find((time) => time !== undefined && time < at.getTime() + hour),
  }
}

export interface Progress {
  /** The relay is on its way to it: not a violation, whatever the age. */
  willPublish(event: EventRow): boolean
  /** It is in the subscriber's queues, or may be. */
  mayArrive(delivery: Delivery): boolean
}

/** Tells work in flight from work left behind, by how far relays and consumers have come and what waits in the queues. */
export const readProgress = async (
  snapshots: Snapshots,
  broker: BrokerView | undefined,
  { graceMs }: Limits,
): Promise<Progress> => {
  const fronts = new Map<ServiceName, Fronts>()
  for (const service of services) fronts.set(service, await frontsOf(snapshots, service))

  const willPublish = ({ service, createdAgeMs, parked }: EventRow): boolean => {
    if (parked) return false
    if (createdAgeMs <= outboxGraces * graceMs) return true
    const relay = fronts.get(service)?.relay
    if (relay === undefined || relay.idleMs > graceMs) return false
    // Rows made later are out: the relay has passed it by.
    return relay.createdAgeMs + outboxGraces * graceMs >= createdAgeMs
  }

  const mayArrive = ({ event, to }: Delivery): boolean => {
    if (event.publishedAgeMs === null) return willPublish(event)
    if (event.publishedAgeMs <= graceMs) return true
    const depth = broker?.depths[to]
    if (depth === undefined) return false
    if (depth.retry > 0) return true
    if (depth.work === 0) return false
    const until = fronts.get(to)?.handledUntil
    const made = timeOfId(event.eventId) ?? snapshots[event.service].at.getTime() - event.createdAgeMs
    // A queue keeps order: what is older than what was handled is no longer in it.
    return until === undefined || made + graceMs >= until
  }
  return { willPublish, mayArrive }
}
