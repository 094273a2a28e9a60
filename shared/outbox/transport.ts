/** An event on its way out, as its row has it. */
export interface OutboxRow {
  id: bigint
  eventId: string
  type: string
  aggregateId: string
  exchange: string
  routingKey: string
  /** The event's data as JSON text, as PostgreSQL writes it: on the way out nobody needs to read it. */
  payloadText: string
  headers: Record<string, unknown>
  createdAt: Date
  /** How often it was refused so far. */
  attempts: number
}

/** What became of one publish. */
export type PublishOutcome =
  /** The broker has taken responsibility: confirmed, and not returned. */
  | { kind: 'confirmed' }
  /** No confirm in time, or the connection went: the same event is published again. */
  | { kind: 'unknown'; reason: string }
  /** This row can't be published as it is: tried again with backoff, then parked with its aggregate. */
  | { kind: 'refused'; reason: string }

/** What the relay needs of a broker. */
export interface RelayTransport {
  /** Settles within a deadline of its own. A rejection counts as `unknown`. */
  publish(row: OutboxRow): Promise<PublishOutcome>
  /**
   * Resolves when publishing can be tried (again), at once when it can be now; may reject when the signal aborts. A relay that stands
   * by asks too, each time it looks for the lead.
   */
  ready(signal: AbortSignal): Promise<void>
}
