import type { ServiceName } from '../../shared/contracts/index.ts'

/** What there is to see beside the rows: relays, locks, queues. Only of the moment of looking. */
export interface Sight {
  databases: Readonly<Record<ServiceName, DatabaseSight>>
  broker: BrokerSight
}

export interface DatabaseSight {
  database: string
  /** A relay leads on this database. */
  relayLeads: boolean
  /** The service itself (its pool) is connected. */
  serviceConnected: boolean
  /** Who holds others up on the service's tables, longest first. */
  blockers: readonly Blocker[]
}

export interface Blocker {
  pid: number
  /** application_name, or how it is called without one. */
  name: string
  /** As pg_stat_activity says it: `active`, `idle in transaction`. */
  state: string
  /** Age of its transaction, seconds. */
  seconds: number
  /** The table it holds, where that can be told. */
  table: string | undefined
  /** Names of those that wait for it. */
  holdsUp: readonly string[]
}

export type BrokerSight =
  /** Because nobody wanted it, or because it did not let us. */
  | { kind: 'not looked at'; reason?: string }
  | { kind: 'down'; reason: string }
  | { kind: 'up'; queues: Readonly<Record<ServiceName, QueueSight>> }

export type QueueSight =
  | { kind: 'missing'; queue: string }
  /** It is there and does not answer: without a leader. */
  | { kind: 'silent'; queue: string }
  | {
      kind: 'there'
      queue: string
      consumers: number
      /** Waiting; what a consumer has in hand is not counted. */
      ready: number
      /** This order's messages that are waiting for their next try. */
      retrying: readonly Letter[]
      /** This order's messages that the consumer gave up on. */
      dead: readonly Letter[]
      /** Dead letters that were not read because there are too many. */
      unread: number
    }

/** A message of this order that was set aside, with its history. */
export interface Letter {
  eventId: string | undefined
  type: string | undefined
  /** Which try it will be, or was. */
  attempt: number
  code: string | undefined
  reason: string
  /** One line per failure, oldest first, with its time. */
  failures: readonly string[]
}
