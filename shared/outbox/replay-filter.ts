export type ReplayStatus = 'published' | 'pending' | 'parked'

/** Which rows of one outbox are sent again; what is not given does not matter. */
export interface ReplayFilter {
  status: ReplayStatus
  types?: readonly string[]
  aggregateId?: string
  /** Made or published from this moment on: an event that was on its way then belongs to it. */
  since?: Date
  /** Made before this moment. */
  until?: Date
  fromId?: bigint
  toId?: bigint
  /** The trace id of the events' traceparent, 32 hex digits. */
  traceId?: string
}

/** What a run is about, fixed when it begins: rows that come to the filter later are not part of it. */
export interface ReplayBounds {
  asOf: Date
  throughId: bigint
}

const states: Record<ReplayStatus, (row: string) => string> = {
  published: (row) => `${row}.published_at is not null`,
  pending: (row) => `${row}.published_at is null and ${row}.parked_at is null`,
  parked: (row) => `${row}.published_at is null and ${row}.parked_at is not null`,
}

// The sums around the dates keep the planner from any index but the one that pages follow.
const matches = (row: string, status: ReplayStatus): string => `(
  ${states[status](row)}
  and ($1::text[] is null or ${row}.type = any($1::text[]))
  and ($2::text is null or ${row}.aggregate_id = $2::text::uuid)
  and ($3::timestamptz is null or coalesce(${row}.published_at, 'infinity') >= $3::timestamptz)
  and ($4::timestamptz is null or ${row}.created_at < $4::timestamptz)
  and ($5::bigint is null or ${row}.id >= $5::bigint)
  and ($6::bigint is null or ${row}.id <= $6::bigint)
  and ($7::text is null or substr(${row}.headers->>'traceparent', 4, 32) = $7::text))`

// An unpublished row goes only together with all unpublished rows before it, or its aggregate would be out of order.
const inOrder = (status: ReplayStatus): string =>
  status === 'published'
    ? 'true'
    : `not exists (select from outbox earlier where earlier.aggregate_id = o.aggregate_id and earlier.id < o.id
        and earlier.published_at is null and not ${matches('earlier', status)})`

/** The condition on `outbox o`, with eight parameters: see `parametersOf`. */
export const conditionOf = ({ status }: ReplayFilter): string => `${matches('o', status)}
  and coalesce(o.${status === 'published' ? 'published_at' : 'created_at'}, 'infinity') <= $8::timestamptz
  and ${inOrder(status)}`

export const parametersOf = (filter: ReplayFilter, asOf: Date): unknown[] => [
  filter.types ?? null,
  filter.aggregateId ?? null,
  filter.since ?? null,
  filter.until ?? null,
  filter.fromId?.toString() ?? null,
  filter.toId?.toString() ?? null,
  filter.traceId ?? null,
  asOf,
]

/** As it is kept in the run's row, and shown. */
export const filterToJson = (filter: ReplayFilter): Record<string, unknown> => ({
  ...filter,
  ...(filter.fromId === undefined ? {} : { fromId: filter.fromId.toString() }),
  ...(filter.toId === undefined ? {} : { toId: filter.toId.toString() }),
})

export const filterFromJson = (kept: Record<string, unknown>): ReplayFilter => {
  const { since, until, fromId, toId, ...rest } = kept as Record<string, string | undefined>
  return {
    ...(rest as unknown as ReplayFilter),
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
    ...(fromId === undefined ? {} : { fromId: BigInt(fromId) }),
    ...(toId === undefined ? {} : { toId: BigInt(toId) }),
  }
}
