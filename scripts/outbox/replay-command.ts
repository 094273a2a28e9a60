import { Option } from 'commander'
import { commandWithExamples } from '../infra/command.ts'
import {
  correlation,
  envOption,
  moment,
  once,
  queueName,
  rowId,
  serviceOption,
  types,
  uuid,
  wholeNumber,
} from './arguments.ts'
import { dryRun } from './dry-run.ts'
import { onlyResumes, type ReplayFlags, requestOf } from './replay-request.ts'
import { beginReplay, resumeReplay } from './replay-run.ts'
import { commanded, readSettings } from './settings.ts'

/** Live orders share the consumers with a replay. At this rate it takes a small part of what they can do, see the page. */
const defaultRate = 200

export const replayCommand = () =>
  commandWithExamples(
    'replay',
    'Sends events again that an outbox still has: to everybody who listens, or to one queue. Same event ids, same order per aggregate; who has handled an event skips it.',
    [
      'npm run outbox -- replay --since 15m --dry-run',
      'npm run outbox -- replay --since 2026-11-22T10:00:00Z --until 2026-11-22T10:30:00Z',
      'npm run outbox -- replay --order 01900000-0000-7000-8000-000000000001',
      'npm run outbox -- replay --service order --type OrderFailed --to user.events',
      'npm run outbox -- replay --service product --from-id 1000 --to-id 2000 --rate 1000',
      'npm run outbox -- replay --all --yes',
      'npm run outbox -- replay --resume',
    ],
  )
    .addOption(serviceOption())
    .option('--type <type>', 'only this event type; may be given several times, or with commas', types)
    .option('--order <id>', "only this order's events", once(uuid))
    .option(
      '--since <time>',
      'made or published from then on: a time, a day, or how long ago (15m)',
      once(moment),
    )
    .option('--until <time>', 'made before then', once(moment))
    .option('--from-id <n>', 'from this outbox row on (with --service)', once(rowId))
    .option('--to-id <n>', 'up to this outbox row (with --service)', once(rowId))
    .addOption(
      new Option('--status <status>', 'rows in this state (default: published)').choices([
        'published',
        'pending',
        'parked',
      ]),
    )
    .option('--correlation <id>', 'only events of this order or of this trace', once(correlation))
    .option('--to <queue>', 'to this queue alone, e.g. user.events', once(queueName))
    .option('--all', 'needed when there is no filter; a filter beside it still chooses')
    .option('--dry-run', 'list what would be sent, to whom, and what it would do there; send nothing')
    .option('--rate <n>', 'events per second', wholeNumber(1, 100_000), defaultRate)
    .option(
      '--resume [run]',
      'go on with a run that was ended; the latest one when none is named',
      once(uuid),
    )
    .option('--yes', 'do not ask')
    .addOption(envOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      "\nPending rows are the relay's, and parked rows are for `npm run outbox -- retry`: neither is marked by a replay.\nExit codes: 0 done, 2 wrong usage, 1 an event was refused, 69 a server is unavailable, 130 interrupted (go on with --resume).",
    )
    .action(
      commanded(async (flags: ReplayFlags) => {
        const settings = readSettings()
        if (flags.resume !== undefined) {
          onlyResumes(flags)
          return resumeReplay(settings, flags)
        }
        const request = requestOf(flags)
        return flags.dryRun ? dryRun(settings, request, flags) : beginReplay(settings, request, flags)
      }),
    )
