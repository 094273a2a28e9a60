import { commandWithExamples } from '../infra/command.ts'
import { deadCommand } from './dead-command.ts'
import { pruneCommand } from './prune-command.ts'
import { reconcileCommand } from './reconcile-command.ts'
import { replayCommand } from './replay-command.ts'
import { retryCommand } from './retry-command.ts'
import { runsCommand } from './runs-command.ts'
import { statusCommand } from './status-command.ts'

/** `npm run outbox`: the outboxes of the three services in a person's hands. */
export const outboxCommand = () =>
  commandWithExamples(
    'npm run outbox --',
    'Looks after the outboxes of the three services: what waits, what is parked, what is dead, what is missing; and sends it again.',
    [
      'npm run outbox -- status',
      'npm run outbox -- replay --since 15m --dry-run',
      'npm run outbox -- replay --type OrderFailed --to user.events',
      'npm run outbox -- reconcile --repair',
      'npm run outbox -- dead list',
      'npm run outbox -- retry',
      'npm run outbox -- prune --older-than 7d',
      'npm run outbox -- replay --help',
    ],
  )
    .addCommand(statusCommand())
    .addCommand(replayCommand())
    .addCommand(runsCommand())
    .addCommand(retryCommand())
    .addCommand(pruneCommand())
    .addCommand(deadCommand())
    .addCommand(reconcileCommand())
    .addHelpText(
      'after',
      '\nServers: POSTGRES_URL, AMQP_URL and SAGA_NAMESPACE name them.\n' +
        'Exit codes: 0 done, 1 failed, 2 wrong usage, 4 something is missing, 69 a server is unavailable, 130 interrupted.',
    )
