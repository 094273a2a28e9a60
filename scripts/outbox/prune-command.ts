import type { ServiceName } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { commandWithExamples, exitCodes } from '../infra/command.ts'
import { duration, envOption, once, serviceOption, servicesOf } from './arguments.ts'
import { type OutboxDatabase, withOutboxes } from './databases.ts'
import { type Age, countOld, type Pruned, pruneAll } from './prune.ts'
import { confirmed, declined } from './question.ts'
import { commanded, guardProduction, interruptible, readSettings } from './settings.ts'
import { plural, say } from './terminal.ts'

interface Flags {
  service?: string
  olderThan: number
  dryRun?: true
  yes?: true
  env?: string
  json?: true
}

interface Result extends Pruned {
  service: ServiceName
}

const secondsPerHour = 3_600

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
    .requiredOption('--older-than <age>', 'published longer ago than this: 90m, 36h, 7d', once(duration))
    .addOption(serviceOption())
    .option('--dry-run', 'count them, and delete nothing')
    .option('--yes', 'do not ask')
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
  const keptHours = settings.outboxRetentionHours
  const age: Age = { seconds: flags.olderThan, keptSeconds: keptHours * secondsPerHour }
  return withOutboxes(settings, servicesOf(flags.service), async (outboxes) => {
    const { old, young } = await lookFor(outboxes, age)
    if (young > 0) say(youngerThanKept(young, keptHours))
    if (flags.dryRun) {
      report(old, flags)
      return exitCodes.ok
    }
    const all = sumOf(old)
    const question = `Delete ${rowsOf(all)} for good?`
    if (all.outbox + all.inbox > 0 && !(await confirmed(question, flags.yes))) return declined()
    const signal = interruptible()
    const gone: Result[] = []
    for (const { service, sql } of outboxes) gone.push({ service, ...(await pruneAll(sql, age, signal)) })
    report(gone, flags)
    if (young > 0) say(whatTheAuditNeeds(flags.olderThan))
    if (signal.aborted) say('interrupted; what is left can be pruned at any time')
    return signal.aborted ? exitCodes.interrupted : exitCodes.ok
  })
}

/** What is old enough, by service, and how much of it is younger than it is kept. */
const lookFor = async (outboxes: readonly OutboxDatabase[], age: Age) => {
  const old: Result[] = []
  let young = 0
  for (const { service, sql } of outboxes) {
    const { younger, ...rows } = await countOld(sql, age)
    old.push({ service, ...rows })
    young += younger
  }
  return { old, young }
}

const sumOf = (results: readonly Pruned[]): Pruned =>
  results.reduce((sum, { outbox, inbox }) => ({ outbox: sum.outbox + outbox, inbox: sum.inbox + inbox }), {
    outbox: 0,
    inbox: 0,
  })

const rowsOf = ({ outbox, inbox }: Pruned) =>
  `${plural(outbox, 'outbox row')} and ${plural(inbox, 'inbox row')}`

const report = (results: readonly Result[], { dryRun, json }: Flags) => {
  if (json) return console.log(JSON.stringify({ dryRun: dryRun === true, services: results }))
  for (const { service, ...rows } of results)
    console.log(`${service}: ${dryRun ? 'would delete' : 'deleted'} ${rowsOf(rows)}`)
}

const youngerThanKept = (young: number, keptHours: number): string =>
  `${young} of these ${young === 1 ? 'is' : 'are'} younger than OUTBOX_RETENTION_HOURS (${keptHours}): what is deleted can't be replayed, and the audit will miss it`

// The audit takes the rows of younger orders for proof. It counts in whole hours, one at least.
const whatTheAuditNeeds = (seconds: number): string =>
  seconds < secondsPerHour
    ? 'The audit will report them until these orders are older than an hour; from then on give it OUTBOX_RETENTION_HOURS=1.'
    : `Give npm run audit OUTBOX_RETENTION_HOURS=${Math.floor(seconds / secondsPerHour)}, or it misses them.`
