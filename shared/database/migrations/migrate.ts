import { randomUUID } from 'node:crypto'
import type { Client, QueryConfig } from 'pg'
import { describe, pause, Refused, Unavailable } from '../../failure/index.ts'
import { type Migration, readMigrations } from './files.ts'
import { ensureDatabase, isUnanswered, longestQueryMs, shortQueryMs, withClient } from './server.ts'

/** What became, or would become, of one database. */
export interface Migrated {
  created: boolean
  /** Names of the migrations applied now (with `dryRun`: that would be applied). */
  applied: string[]
  /** Names of the migrations that were there before. */
  present: string[]
}

/** The lock that Prisma's own engine takes, so that two runners of either kind wait for each other. */
const migrationLock = 72_707_369
const lockLookMs = 250
/** A migration of large tables takes minutes; who waits for it has said so, and tries again. */
const lockWaitMs = 300_000

/** Prisma's table, column by column, so that `prisma migrate deploy` agrees with us where it can run. */
const historyTable = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`

interface HistoryRow {
  migration_name: string
  checksum: string
  finished: boolean
}

/**
 * Brings the database of `url` up to date with the migrations under `directory`; a second run changes nothing.
 * Each migration is one transaction. Throws Refused (conflict) when an applied migration was changed since, is unknown
 * here, or failed half way; Unavailable when the server is not there, does not answer, or another runner does not end.
 */
export async function migrateDatabase(options: {
  url: string
  directory: string
  dryRun?: boolean
  /** Told in one line, once, that another runner is waited for. */
  onWait?: ((line: string) => void) | undefined
  /** For how long; 300 000 ms when not said. */
  waitMs?: number
}): Promise<Migrated> {
  const migrations = await readMigrations(options.directory)
  const dryRun = options.dryRun ?? false
  const created = dryRun ? false : await ensureDatabase(options.url)
  const migrate = async (client: Client): Promise<Migrated> => {
    await takeLock(client, options)
    const history = await readHistory(client)
    const pending = pendingOf(migrations, history)
    if (!dryRun) {
      await client.query("SET client_min_messages = 'warning'")
      await client.query(historyTable)
      for (const migration of pending) await apply(client, migration)
    }
    return { created, applied: pending.map(nameOf), present: history.map((row) => row.migration_name) }
  }
  const work = withClient(options.url, migrate, { queryTimeoutMs: shortQueryMs })
  if (!dryRun) return work
  return work.catch((error) => {
    if ((error as { code?: unknown }).code !== '3D000') throw error
    return { created: true, applied: migrations.map(nameOf), present: [] }
  })
}

const nameOf = (migration: Migration): string => migration.name

/** The lock is the session's: it is free again when the runner that has it is gone, however that came about. */
async function takeLock(
  client: Client,
  { onWait, waitMs = lockWaitMs }: { onWait?: ((line: string) => void) | undefined; waitMs?: number },
): Promise<void> {
  const until = performance.now() + waitMs
  for (let looks = 0; ; looks++) {
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
      migrationLock,
    ])
    if (rows[0]?.taken) return
    const what = `another migration of ${client.database} runs`
    if (looks === 0) onWait?.(`${what}; waiting for it, ${Math.ceil(waitMs / 1_000)} s at most`)
    if (performance.now() > until)
      throw new Unavailable(`${what} and does not end`, {
        code: 'migration.busy',
        next: `try again when it has ended; who it is: psql -d ${client.database} -c "select a.* from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.objid = ${migrationLock} and l.granted"`,
      })
    await pause(lockLookMs)
  }
}

async function readHistory(client: Client): Promise<HistoryRow[]> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS there`,
  )
  if (!rows[0]?.there) return []
  const history = await client.query<HistoryRow>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished FROM "_prisma_migrations"
     WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return history.rows
}

function pendingOf(migrations: Migration[], history: HistoryRow[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const row of history) {
    const migration = known.get(row.migration_name)
    if (!migration)
      refuse(row, 'is applied but not in this version of the project', 'run the version that wrote it')
    else if (!row.finished)
      refuse(row, 'failed half way', 'repair the database, or drop it and migrate again')
    else if (migration.checksum !== row.checksum) {
      refuse(row, 'was changed after it was applied', 'restore the file and write a new migration instead')
    }
  }
  const done = new Set(history.map((row) => row.migration_name))
  return migrations.filter((migration) => !done.has(migration.name))
}

function refuse(row: HistoryRow, what: string, next: string): never {
  throw new Refused('conflict', `migration ${row.migration_name} ${what}`, {
    code: 'migration.conflict',
    next,
  })
}

/** The migration and its row in one transaction: it is applied and recorded, or neither. */
async function apply(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query('BEGIN')
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())`,
      [randomUUID(), checksum, name],
    )
    // The driver takes it, its types don't know it.
    await client.query({ text: sql, query_timeout: longestQueryMs } as QueryConfig)
    await client.query(
      `UPDATE "_prisma_migrations" SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE migration_name = $1`,
      [name],
    )
    await client.query('COMMIT')
  } catch (cause) {
    // Nothing gets through behind a query that is not answered; the server undoes it when the connection is closed.
    if (isUnanswered(cause)) throw cause
    await client.query('ROLLBACK').catch(() => {})
    throw new Error(`migration ${name} failed and was undone: ${describe(cause)}`, { cause })
  }
}
