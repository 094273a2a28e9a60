import type { Command } from 'commander'
import { commandWithExamples } from '../infra/command.ts'
import { envOption, messageId, once, queueName, uuid, wholeNumber } from './arguments.ts'
import { dropLetters, redriveLetters } from './dead-change.ts'
import { listLetters, showLetters } from './dead-look.ts'
import { commanded } from './settings.ts'

const list = (text: string, before: string[] = []) => [...before, ...text.split(',')]

const filtered = (command: Command) =>
  command
    .option('--queue <queue>', 'only what this queue gave up on, e.g. user.events', once(queueName))
    .option('--reason <code>', 'only with this reason code; several times, or with commas', list)
    .option('--type <type>', 'only messages of this type; several times, or with commas', list)
    .option('--order <id>', 'only messages about this order', once(uuid))
    .option('--id <id>', 'only the message with this id', once(messageId))
    .option('--json', 'print the result as JSON')

const changing = (command: Command, verb: string) =>
  filtered(command)
    .option('--dry-run', `list what would be ${verb}, and change nothing`)
    .option('--yes', 'do not ask')
    .addOption(envOption())

/** `npm run outbox -- dead`: what consumers gave up on. */
export const deadCommand = () =>
  commandWithExamples(
    'dead',
    'The dead-letter queues: what consumers gave up on, why, and how to give it back.',
    [
      'npm run outbox -- dead list',
      'npm run outbox -- dead show 01900000-0000-7000-8000-000000000001',
      'npm run outbox -- dead redrive --reason retries.exhausted',
      'npm run outbox -- dead drop --id 01900000-0000-7000-8000-000000000001',
    ],
  )
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand())
    .addCommand(dropCommand())

const listCommand = () =>
  filtered(
    commandWithExamples('list', 'Lists dead letters, the oldest first; they stay where they are.', [
      'npm run outbox -- dead list',
      'npm run outbox -- dead list --queue user.events --reason event.data',
      'npm run outbox -- dead list --json',
    ]),
  )
    .option('--limit <n>', 'look at so many of each queue', wholeNumber(1), 10_000)
    .action(commanded(listLetters))

const showCommand = () =>
  commandWithExamples('show', 'Prints a dead letter: headers, body, and what went wrong each time.', [
    'npm run outbox -- dead show 01900000-0000-7000-8000-000000000001',
  ])
    .argument('<id>', "the message's id", messageId)
    .option('--queue <queue>', 'only as this queue gave it up', once(queueName))
    .option('--json', 'print it as JSON')
    .action(commanded(showLetters))

const redriveCommand = () =>
  changing(
    commandWithExamples(
      'redrive',
      'Gives dead letters back to the consumer that gave them up, and to no other: same id, same order, as a first try.',
      [
        'npm run outbox -- dead redrive',
        'npm run outbox -- dead redrive --reason retries.exhausted --dry-run',
        'npm run outbox -- dead redrive --queue product.events --type OrderPlaced',
      ],
    ),
    'given back',
  ).action(commanded(redriveLetters))

const dropCommand = () =>
  changing(
    commandWithExamples('drop', 'Removes dead letters for good. Without a filter it needs --yes.', [
      'npm run outbox -- dead drop --reason envelope.id --dry-run',
      'npm run outbox -- dead drop --reason envelope.id',
      'npm run outbox -- dead drop --yes',
    ]),
    'removed',
  ).action(commanded(dropLetters))
