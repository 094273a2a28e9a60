import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { among } from './facts.ts'
import { consumerOf, listeners } from './hearing.ts'
import type { Snapshot, Snapshots } from './snapshot.ts'

/** One outbox row; ages by the database's clock. */
export interface EventRow {
  service: ServiceName
  eventId: string
  type: string
  orderId: string
  createdAgeMs: number
  /** Null while it is not published. */
  publishedAgeMs: number | null
  parked: boolean
  attempts: number
  lastError: string | null
}

/** An event that a subscriber has not handled. */
export interface Delivery {
  event: EventRow
  to: ServiceName
}

const columns = `event_id::text as "eventId", type, aggregate_id::text as "orderId",
  (extract(epoch from now() - created_at) * 1000)::float8 as "createdAgeMs",
  (extract(epoch from now() - published_at) * 1000)::float8 as "publishedAgeMs",
  parked_at is not null as parked, attempts, last_error as "lastError"`

/** Outbox rows of one service; `where` is SQL over the outbox with its parameters. */
export const selectEvents = async (
  snapshots: Snapshots,
  service: ServiceName,
  where: string,
  values: readonly unknown[] = [],
): Promise<EventRow[]> => {
  const { rows } = await snapshots[service].client.query<Omit<EventRow, 'service'>>(
    `select ${columns} from outbox where ${where}`,
    [...values],
  )
  return rows.map((row) => ({ service, ...row }))
}

/** Which of these events a service has handled. */
export const handledBy = async (
  { client }: Snapshot,
  service: ServiceName,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> => {
  if (eventIds.length === 0) return new Set()
  const { rows } = await client.query<{ id: string }>(
    'select event_id::text as id from inbox where consumer = $1 and event_id = any($2::uuid[])',
    [consumerOf(service), [...eventIds]],
  )
  return new Set(rows.map(({ id }) => id))
}

/** All events of some orders, and who has not handled which. */
export const eventsOfOrders = async (
  snapshots: Snapshots,
  orderIds: readonly string[],
): Promise<{ events: EventRow[]; open: Delivery[] }> => {
  if (orderIds.length === 0) return { events: [], open: [] }
  const events: EventRow[] = []
  for (const service of services)
    events.push(...(await selectEvents(snapshots, service, `${among('aggregate_id', orderIds)} order by id`)))
  const open: Delivery[] = []
  for (const to of services) {
    const meant = events.filter(({ type }) => listeners(type).includes(to))
    const handled = await handledBy(
      snapshots[to],
      to,
      meant.map(({ eventId }) => eventId),
    )
    open.push(...meant.filter(({ eventId }) => !handled.has(eventId)).map((event) => ({ event, to })))
  }
  return { events, open }
}
