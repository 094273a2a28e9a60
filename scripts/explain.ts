import { explainCommand } from './explain/command.ts'
import { runCommand } from './infra/index.ts'

await runCommand(explainCommand())
