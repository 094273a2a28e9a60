import type { Mode, ServiceName } from '../../shared/contracts/index.ts'

/** What the tables of the three services say about one order, as it was read. Money in minor units; times by each database's clock. */
export interface OrderRows {
  order: OrderRow
  history: readonly { status: OrderRow['status']; reason: string | null; at: Date }[]
  /** Every event about this order, by any service. */
  outbox: readonly OutboxRow[]
  /** Who handled which of them. */
  inbox: readonly InboxRow[]
  reservation: StateRow | undefined
  movements: readonly { kind: string; at: Date; lines: number }[]
  payment: StateRow | undefined
  ledger: readonly { kind: string; at: Date; amount: number }[]
  /** Tables that somebody holds so that they can't even be read, as `saga_order.outbox`; their rows are not in here. */
  unreadable: readonly UnreadableTable[]
  /** The order database's clock, before anything else was read. */
  readAt: Date
}

/** All but the order service's own rows of it. */
export type Traces = Omit<OrderRows, 'order' | 'history'>

export interface UnreadableTable {
  service: ServiceName
  table: string
}

export interface OrderRow {
  id: string
  userId: string
  status: 'PROCESSING' | 'SUCCESS' | 'FAILED'
  reason: string | null
  mode: Mode
  total: number | null
  createdAt: Date
  updatedAt: Date
}

export interface OutboxRow {
  service: ServiceName
  /** Ascending per service; decimal digits. */
  id: string
  eventId: string
  type: string
  payload: Record<string, unknown>
  /** The event or command that led to it. */
  causationId: string | undefined
  createdAt: Date
  publishedAt: Date | null
  attempts: number
  lastError: string | null
  parkedAt: Date | null
}

export interface InboxRow {
  service: ServiceName
  eventId: string
  handledAt: Date
}

/** What product or user remembers of the order. */
export interface StateRow {
  status: string
  reason: string | null
  createdAt: Date
  updatedAt: Date
}
