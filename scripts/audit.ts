import { auditCommand } from './audit/command.ts'
import { runCommand } from './infra/command.ts'

await runCommand(auditCommand())
