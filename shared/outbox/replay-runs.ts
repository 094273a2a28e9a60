import type { Measured } from './replay-rows.ts'
import type { Sql } from './sql.ts'

/** One run on this outbox, as its row has it. */
export interface ReplayRun {
  id: string
  startedBy: string
  startedAt: Date
  filter: Record<string, unknown>
  target: string | null
  matched: number
  sent: number
  lastId: bigint
  throughId: bigint
  updatedAt: Date
  finishedAt: Date | null
  lastError: string | null
}

export interface NewRun extends Pick<Measured, 'asOf' | 'matched' | 'throughId'> {
  id: string
  startedBy: string
  filter: Record<string, unknown>
  target: string | null
}

/** Keeps a run before its first row is sent. Its beginning is the moment its rows were counted at. */
export const keepRun = async (sql: Sql, run: NewRun): Promise<void> => {
  await sql.$executeRawUnsafe(
    `insert into outbox_replays (id, started_by, started_at, filter, target, matched, through_id)
     values ($1::uuid, $2, $3, $4::jsonb, $5, $6, $7::bigint)`,
    run.id,
    run.startedBy,
    run.asOf,
    JSON.stringify(run.filter),
    run.target,
    run.matched,
    String(run.throughId),
  )
}

const columns = `id::text, started_by, started_at, filter, target, matched::text, sent::text, last_id::text, through_id::text,
  updated_at, finished_at, last_error`

interface Found {
  id: string
  started_by: string
  started_at: Date
  filter: Record<string, unknown>
  target: string | null
  matched: string
  sent: string
  last_id: string
  through_id: string
  updated_at: Date
  finished_at: Date | null
  last_error: string | null
}

const runOf = (found: Found): ReplayRun => ({
  id: found.id,
  startedBy: found.started_by,
  startedAt: found.started_at,
  filter: found.filter,
  target: found.target,
  matched: Number(found.matched),
  sent: Number(found.sent),
  lastId: BigInt(found.last_id),
  throughId: BigInt(found.through_id),
  updatedAt: found.updated_at,
  finishedAt: found.finished_at,
  lastError: found.last_error,
})

/** The runs kept on this outbox, the latest first. */
export const readRuns = async (sql: Sql, limit = 100): Promise<ReplayRun[]> => {
  const found = await sql.$queryRawUnsafe<Found[]>(
    `select ${columns} from outbox_replays order by started_at desc, id limit $1`,
    limit,
  )
  return found.map(runOf)
}

export const readRun = async (sql: Sql, id: string): Promise<ReplayRun | undefined> => {
  const [found] = await sql.$queryRawUnsafe<Found[]>(
    `select ${columns} from outbox_replays where id = $1::uuid`,
    id,
  )
  return found && runOf(found)
}

/** How far it came; harmless when it comes twice. */
export const noteProgress = (sql: Sql, id: string, lastId: bigint, sent: number): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox_replays set last_id = $2::bigint, sent = $3, updated_at = clock_timestamp() where id = $1::uuid`,
    id,
    String(lastId),
    sent,
  )

/** More rows were found while the run was under way. */
export const noteMatched = (sql: Sql, id: string, matched: number): Promise<number> =>
  sql.$executeRawUnsafe('update outbox_replays set matched = $2 where id = $1::uuid', id, matched)

/** The end of a run, or of this try. */
export const noteEnd = (sql: Sql, id: string, lastError: string | null): Promise<number> =>
  sql.$executeRawUnsafe(
    `update outbox_replays set last_error = $2, updated_at = clock_timestamp(),
       finished_at = case when $2::text is null then clock_timestamp() end
     where id = $1::uuid`,
    id,
    lastError,
  )

/** Whether this session may send the run; the claim ends with the session. Nobody else gets it meanwhile. */
export const claimRun = async (sql: Sql, id: string): Promise<boolean> => {
  const [row] = await sql.$queryRawUnsafe<{ claimed: boolean }[]>(
    `select pg_try_advisory_lock(hashtext('outbox_replays'), hashtext($1)) as claimed`,
    id,
  )
  return row!.claimed
}
