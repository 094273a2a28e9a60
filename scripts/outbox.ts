import { runCommand } from './infra/command.ts'
import { outboxCommand } from './outbox/command.ts'

await runCommand(outboxCommand())
