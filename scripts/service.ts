import { runCommand, serviceCommand } from './infra/index.ts'

await runCommand(
  serviceCommand(
    'npm run order | product | user',
    'Runs one service until Ctrl-C. Its database is migrated and the broker topology declared before.',
    ['npm run order', 'PORT=9002 npm run order', 'RELAY=off npm run user'],
    'main',
  ),
)
