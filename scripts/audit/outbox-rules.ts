import { events, type ServiceName, services } from '../../shared/contracts/index.ts'
import { type EventRow, selectEvents } from './event-rows.ts'
import { among, type Only } from './facts.ts'
import type { Find, Finding } from './finding.ts'
import { answersOf, consumerOf, typesOf } from './hearing.ts'
import type { Snapshots } from './snapshot.ts'
import type { Limits } from './verdict.ts'

export interface OutboxRules {
  /** Rows that are neither published nor parked, longer than the grace. */
  waiting: EventRow[]
  /** Ids of those among them that a later row of their order has overtaken. */
  overtaken: ReadonlySet<string>
  /** Effects without their inbox rows: `<service> <event id of the cause>`. */
  unrecorded: ReadonlySet<string>
  findings: Finding[]
}

interface Where {
  only: Only
  /** Rows of one kind, at most. */
  most: number
}

/** What each outbox and inbox must be by itself. */
export const auditOutboxes = async (
  snapshots: Snapshots,
  limits: Limits,
  where: Where,
  find: Find,
): Promise<OutboxRules> => {
  const rules = { waiting: [] as EventRow[], overtaken: new Set<string>(), unrecorded: new Set<string>() }
  const findings: Finding[] = []
  for (const service of services) {
    const { waiting, overtaken } = await selectWaiting(snapshots, service, limits, where)
    rules.waiting.push(...waiting)
    for (const id of overtaken) rules.overtaken.add(id)
    const unrecorded = await selectUnrecorded(snapshots, service, limits, where)
    for (const { cause } of unrecorded) rules.unrecorded.add(`${service} ${cause}`)
    findings.push(
      ...unrecorded.map(({ cause, orderId, type }) =>
        find(
          'inbox.missing',
          service,
          { orderId, eventId: cause },
          `${type} was said because of event ${cause}, which the inbox does not have.`,
        ),
      ),
      ...(await selectParked(snapshots, service, where, find)),
      ...(await selectWrongAddresses(snapshots, service, where, find)),
      ...(where.only === undefined ? await selectDoubled(snapshots, service, where.most, find) : []),
    )
  }
  return { ...rules, findings }
}

const selectWaiting = async (
  snapshots: Snapshots,
  service: ServiceName,
  { graceMs }: Limits,
  { only, most }: Where,
) => {
  const due = `published_at is null and ${among('aggregate_id', only)}
    and created_at < now() - make_interval(secs => ${graceMs / 1_000})`
  const waiting = await selectEvents(
    snapshots,
    service,
    `${due} and parked_at is null order by id limit ${most}`,
  )
  const passed = await selectEvents(
    snapshots,
    service,
    `${due} and exists (select from outbox later where later.aggregate_id = outbox.aggregate_id
       and later.id > outbox.id and later.published_at is not null) order by id limit ${most}`,
  )
  const known = new Set(waiting.map(({ eventId }) => eventId))
  return {
    waiting: [...waiting, ...passed.filter(({ eventId }) => !known.has(eventId))],
    overtaken: passed.map(({ eventId }) => eventId),
  }
}

const uuid = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
const cause = `headers ->> 'cloudEvents:causationid'`

const selectUnrecorded = async (
  snapshots: Snapshots,
  service: ServiceName,
  { retentionMs }: Limits,
  { only, most }: Where,
) => {
  const { rows } = await snapshots[service].client.query<{ orderId: string; type: string; cause: string }>(
    `select aggregate_id::text as "orderId", type, cause::text from (
       select id, aggregate_id, type, case when ${cause} ~ $1 then (${cause})::uuid end as cause from outbox
       where type = any($2) and created_at > now() - make_interval(secs => $3) and ${among('aggregate_id', only)}
     ) answers
     where cause is not null
       and not exists (select from inbox where inbox.consumer = $4 and inbox.event_id = answers.cause)
     order by id limit ${most}`,
    [uuid, answersOf(service), retentionMs / 1_000, consumerOf(service)],
  )
  return rows
}

const selectParked = async (
  snapshots: Snapshots,
  service: ServiceName,
  { only, most }: Where,
  find: Find,
) => {
  const parked = await selectEvents(
    snapshots,
    service,
    `parked_at is not null and published_at is null and ${among('aggregate_id', only)} order by id limit ${most}`,
  )
  return parked.map(({ eventId, orderId, type, attempts, lastError }) =>
    find(
      'event.parked',
      service,
      { orderId, eventId },
      `${type} is parked after ${attempts} attempts: ${lastError ?? 'no reason given'}.`,
    ),
  )
}

const selectWrongAddresses = async (
  snapshots: Snapshots,
  service: ServiceName,
  { only, most }: Where,
  find: Find,
) => {
  const right = typesOf(service).map((type) => `('${type}', '${events[type].routingKey}')`)
  const { rows } = await snapshots[service].client.query<{
    orderId: string
    eventId: string
    type: string
    exchange: string
    key: string
  }>(
    `select aggregate_id::text as "orderId", event_id::text as "eventId", type, exchange, routing_key as key from outbox
     where ((type, routing_key) not in (${right.join()}) or exchange !~ $1) and ${among('aggregate_id', only)}
     order by id limit ${most}`,
    [`(^|\\.)EX_${service.toUpperCase()}$`],
  )
  return rows.map(({ orderId, eventId, type, exchange, key }) =>
    find(
      'outbox.wrong_address',
      service,
      { orderId, eventId },
      `${type} is addressed to ${exchange} with ${key}.`,
    ),
  )
}

const selectDoubled = async (snapshots: Snapshots, service: ServiceName, most: number, find: Find) => {
  const { client } = snapshots[service]
  const inbox = await client.query<{ consumer: string; id: string; times: string }>(
    `select consumer, event_id::text as id, count(*) as times from inbox
     group by consumer, event_id having count(*) > 1 limit ${most}`,
  )
  const outbox = await client.query<{ id: string; times: string; orderId: string }>(
    `select event_id::text as id, count(*) as times, min(aggregate_id::text) as "orderId" from outbox
     group by event_id having count(*) > 1 limit ${most}`,
  )
  return [
    ...inbox.rows.map(({ consumer, id, times }) =>
      find('inbox.doubled', service, { eventId: id }, `${consumer} has ${times} inbox rows for one event.`),
    ),
    ...outbox.rows.map(({ id, times, orderId }) =>
      find(
        'outbox.duplicate_id',
        service,
        { orderId, eventId: id },
        `${times} outbox rows have this event id.`,
      ),
    ),
  ]
}
