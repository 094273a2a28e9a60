import { Refused } from '../../shared/failure/index.ts'
import { createPruner, type Sql } from '../../shared/outbox/index.ts'
import { commandWithExamples, exitCodes } from '../infra/command.ts'
import { duration, envOption, serviceOption, servicesOf } from './arguments.ts'
import { withOutboxes } from './databases.ts'
import { commanded, guardProduction, interruptible, readSettings } from './settings.ts'
import { plural, say } from './terminal.ts'

interface Flags {
  service?: string
  olderThan: number
  dryRun?: true
  env?: string
  json?: true
}

const secondsPerHour = 3_600
const batch = 1_000

export const pruneCommand = () =>
  commandWithExamples(
    'prune',
    'Deletes published rows that are older than a given age, in bounded batches; never a row that was not published. What is deleted can not be replayed any more.',
    [
      'npm run outbox -- prune --older-than 7d --dry-run',
      'npm run outbox -- prune --older-than 7d',
      'npm run outbox -- prune --older-than 36h --service order --json',
    ],
  )
    .requiredOption('--older-than <age>', 'published longer ago than this: 90m, 36h, 7d', duration)
    .addOption(serviceOption())
    .option('--dry-run', 'count them, and delete nothing')
    .addOption(envOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nInbox rows go only when they are older than twice the age, and than twice OUTBOX_RETENTION_HOURS: a late repeat must still meet them.',
    )
    .action(commanded(prune))

const prune = async (flags: Flags): Promise<number> => {
  const settings = readSettings()
  if (flags.olderThan === 0)
    throw new Refused('invalid', 'The age must be more than nothing.', {
      code: 'outbox.prune',
      next: 'npm run outbox -- prune --help',
    })
  if (!flags.dryRun) guardProduction(settings, flags.env)
  const signal = interruptible()
  return withOutboxes(settings, servicesOf(flags.service), async (outboxes) => {
    const results = []
    for (const { service, sql } of outboxes) {
      const rows = flags.dryRun
        ? await countOld(sql, flags.olderThan)
        : await pruneAll(sql, flags.olderThan, settings.outboxRetentionHours, signal)
      results.push({ service, rows })
      if (!flags.json)
        console.log(`${service}: ${flags.dryRun ? 'would delete' : 'deleted'} ${plural(rows, 'row')}`)
    }
    if (flags.json) console.log(JSON.stringify({ dryRun: flags.dryRun === true, services: results }))
    if (!flags.dryRun && flags.olderThan < settings.outboxRetentionHours * secondsPerHour)
      say(youngerThanKept(flags.olderThan, settings.outboxRetentionHours))
    if (signal.aborted) say('interrupted; what is left can be pruned at any time')
    return signal.aborted ? exitCodes.interrupted : exitCodes.ok
  })
}

// The audit takes the rows of younger orders for proof, and would miss them.
const youngerThanKept = (seconds: number, keptHours: number): string => {
  const hours = Math.max(1, Math.floor(seconds / secondsPerHour))
  return `Rows younger than OUTBOX_RETENTION_HOURS (${keptHours}) were meant: give npm run audit OUTBOX_RETENTION_HOURS=${hours}, or it misses them.`
}

const countOld = async (sql: Sql, seconds: number): Promise<number> => {
  const [row] = await sql.$queryRawUnsafe<{ rows: number }[]>(
    `select count(*)::int as rows from outbox where published_at < clock_timestamp() - make_interval(secs => $1::float8)`,
    seconds,
  )
  return row!.rows
}

/** One statement after another, each over one batch; an interruption comes between two. */
const pruneAll = async (
  sql: Sql,
  seconds: number,
  keptHours: number,
  signal: AbortSignal,
): Promise<number> => {
  const interrupted = new Error('interrupted')
  let deleted = 0
  const watched: Sql = {
    ...sql,
    $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) => {
      if (signal.aborted) throw interrupted
      const rows = await sql.$queryRawUnsafe<Rows>(text, ...values)
      deleted += (rows as { deleted: number }[])[0]?.deleted ?? 0
      return rows
    },
  }
  const retentionHours = seconds / secondsPerHour
  const inboxHours = 2 * Math.max(retentionHours, keptHours)
  const pruner = createPruner(watched, {
    retentionHours,
    inboxHours,
    batch,
    maxBatches: Number.POSITIVE_INFINITY,
  })
  await pruner.round().catch((error) => {
    if (error !== interrupted) throw error
  })
  return deleted
}
