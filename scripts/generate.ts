import { ensureClients } from './infra/clients.ts'
import { commandWithExamples, runCommand } from './infra/command.ts'

await runCommand(
  commandWithExamples('npm run generate', "Makes the databases' clients that are missing or stale.", [
    'npm run generate',
  ]).action(() => ensureClients((line) => console.error(line))),
)
