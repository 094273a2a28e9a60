import {
  commandWithExamples,
  type DatabaseReport,
  declareBroker,
  exitCodes,
  findServers,
  type InfraFlag,
  infraOption,
  migrateDatabases,
  provisionSettings,
  runCommand,
  topologyOf,
} from './infra/index.ts'

interface Flags extends InfraFlag {
  dryRun?: boolean
  json?: boolean
}

const command = commandWithExamples(
  'npm run migrate --',
  'Creates and migrates the three databases, and declares exchanges, queues and bindings. A second run changes nothing.',
  [
    'npm run migrate',
    'npm run migrate -- --dry-run',
    'POSTGRES_URL=postgres://me:secret@db:5432 npm run migrate -- --json',
  ],
)
  .option('--dry-run', 'say what would be done, and change nothing')
  .option('--json', 'print the result as JSON')
  .addOption(infraOption())
  .action(async ({ dryRun = false, json = false, infra }: Flags) => {
    const settings = provisionSettings()
    const servers = await findServers({ force: infra, log: (line) => console.error(line) })
    try {
      const databases = await migrateDatabases(servers.postgresUrl, { ...settings, dryRun })
      const topology = topologyOf(settings)
      if (!dryRun) await declareBroker(servers.amqpUrl, topology, { ...settings, onProblem: console.error })
      const exchanges = topology.exchanges.map(({ name }) => name)
      const queues = topology.queues.map(({ name }) => name)
      if (json) console.log(JSON.stringify({ dryRun, databases, exchanges, queues }, null, 2))
      else print(databases, exchanges, queues, dryRun)
      process.exitCode = exitCodes.ok
    } finally {
      await servers.stop()
    }
  })

function print(databases: DatabaseReport[], exchanges: string[], queues: string[], dryRun: boolean): void {
  for (const { database, created, applied } of databases) {
    const done =
      applied.length === 0 ? 'up to date' : `${dryRun ? 'would apply' : 'applied'} ${applied.join(', ')}`
    console.log(`${database}: ${created ? `${dryRun ? 'would be created' : 'created'}; ` : ''}${done}`)
  }
  console.log(`${dryRun ? 'would declare' : 'declared'} exchanges ${exchanges.join(', ')}`)
  console.log(`${dryRun ? 'would declare' : 'declared'} queues ${queues.join(', ')}`)
}

await runCommand(command)
