import { runCommand, serviceCommand } from './infra/index.ts'

await runCommand(
  serviceCommand(
    'npm run relay --',
    "Runs only the relay of a service's outbox, for a service that runs with RELAY=off.",
    ['npm run relay -- order', 'PORT=9002 npm run relay -- order'],
    'relay',
  ),
)
