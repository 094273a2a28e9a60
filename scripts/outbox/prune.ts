import { createPruner, type Sql } from '../../shared/outbox/index.ts'

export interface Age {
  /** Rows older than this go. */
  seconds: number
  /** As long as the relay keeps them. */
  keptSeconds: number
}

/** Rows of each table. */
export interface Pruned {
  outbox: number
  inbox: number
}

const secondsPerHour = 3_600

/** A late repeat must still meet its inbox row, so that lives twice as long as anybody keeps the event. */
const inboxSeconds = ({ seconds, keptSeconds }: Age) => 2 * Math.max(seconds, keptSeconds)

const count = `
  select
    (select count(*)::int from outbox where published_at < clock_timestamp() - make_interval(secs => $1::float8)) as outbox,
    (select count(*)::int from outbox where published_at < clock_timestamp() - make_interval(secs => $1::float8)
      and published_at >= clock_timestamp() - make_interval(secs => $2::float8)) as younger,
    (select count(*)::int from inbox where handled_at < clock_timestamp() - make_interval(secs => $3::float8)) as inbox`

/** What pruneAll would delete now; `younger`: outbox rows among it that the relay would still keep. */
export const countOld = async (sql: Sql, age: Age): Promise<Pruned & { younger: number }> => {
  const [row] = await sql.$queryRawUnsafe<(Pruned & { younger: number })[]>(
    count,
    age.seconds,
    age.keptSeconds,
    inboxSeconds(age),
  )
  return row!
}

/** One batch of each table after another; an interruption comes between two. */
export const pruneAll = async (sql: Sql, age: Age, signal: AbortSignal): Promise<Pruned> => {
  const gone: Pruned = { outbox: 0, inbox: 0 }
  const pruner = createPruner(sql, {
    retentionHours: age.seconds / secondsPerHour,
    inboxHours: inboxSeconds(age) / secondsPerHour,
    maxBatches: 1,
  })
  for (let goesOn = true; goesOn && !signal.aborted; ) {
    const { outbox, inbox, isCutShort } = await pruner.round()
    gone.outbox += outbox
    gone.inbox += inbox
    goesOn = isCutShort
  }
  return gone
}
