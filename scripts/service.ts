import { services } from '../shared/contracts/index.ts'
import { runCommand, serviceCommand } from './infra/index.ts'

// package.json gives each service a command of its own, `npm run order`, which names it here.
const named = services.find((service) => service === process.argv[2])
const it = named ?? 'order'

await runCommand(
  serviceCommand(
    named === undefined ? 'node scripts/run.mjs service' : `npm run ${named} --`,
    'Runs one service until Ctrl-C. Its database is migrated and the broker topology declared before.',
    [`npm run ${it}`, `PORT=9002 npm run ${it}`, `RELAY=off npm run ${it}`],
    'main',
  ).usage(named === undefined ? '[options] <service>' : '[options]'),
)
