import { services } from '../../shared/contracts/index.ts'
import { readRuns } from '../../shared/outbox/index.ts'
import { commandWithExamples, exitCodes } from '../infra/command.ts'
import { withOutboxes } from './databases.ts'
import { commanded, readSettings } from './settings.ts'

const shown = 50

export const runsCommand = () =>
  commandWithExamples(
    'runs',
    'Lists the replays that were run: who, when, what, to whom, and how far they came.',
    ['npm run outbox -- runs', 'npm run outbox -- runs --json'],
  )
    .option('--json', 'print them as JSON')
    .action(
      commanded(async ({ json }: { json?: true }) => {
        const found = await withOutboxes(readSettings(), services, async (outboxes) => {
          const all = []
          for (const { service, sql } of outboxes)
            for (const run of await readRuns(sql, shown)) all.push({ service, ...run })
          return all.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())
        })
        if (json) console.log(JSON.stringify(found.map(plain), null, 2))
        else if (found.length === 0) console.log('no replays')
        else for (const run of found) console.log(line(run))
        return exitCodes.ok
      }),
    )

type Run = Awaited<ReturnType<typeof readRuns>>[number] & { service: string }

const plain = (run: Run) => ({ ...run, lastId: String(run.lastId), throughId: String(run.throughId) })

const line = ({
  service,
  id,
  startedAt,
  startedBy,
  filter,
  target,
  sent,
  matched,
  finishedAt,
  lastError,
}: Run) => {
  const { services: _, ...asked } = filter
  const end = finishedAt === null ? `not finished${lastError ? ` (${lastError})` : ''}` : 'finished'
  return `${startedAt.toISOString()} ${id} ${service} by ${startedBy}: ${JSON.stringify(asked)} -> ${target ?? 'everybody'}, ${sent} of ${matched} sent, ${end}`
}
