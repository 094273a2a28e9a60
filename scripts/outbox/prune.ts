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
const batch = 1_000

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

/** One statement after another, each over one batch of one table; an interruption comes between two. */
export const pruneAll = async (sql: Sql, age: Age, signal: AbortSignal): Promise<Pruned> => {
  const interrupted = new Error('interrupted')
  const gone: Pruned = { outbox: 0, inbox: 0 }
  const watched: Sql = {
    ...sql,
    $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) => {
      if (signal.aborted) throw interrupted
      const rows = await sql.$queryRawUnsafe<Rows>(text, ...values)
      const table = /delete from inbox\b/.test(text) ? 'inbox' : 'outbox'
      gone[table] += (rows as { deleted: number }[])[0]?.deleted ?? 0
      return rows
    },
  }
  const pruner = createPruner(watched, {
    retentionHours: age.seconds / secondsPerHour,
    inboxHours: inboxSeconds(age) / secondsPerHour,
    batch,
    maxBatches: Number.POSITIVE_INFINITY,
  })
  await pruner.round().catch((error) => {
    if (error !== interrupted) throw error
  })
  return gone
}
