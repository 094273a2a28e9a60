import type { Unavailable } from '../shared/failure/index.ts'
import {
  brokerProblem,
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
      const options = { ...settings, dryRun, onProblem: console.error }
      const databases = await migrateDatabases(servers.postgresUrl, options)
      const topology = topologyOf(settings)
      const exchanges = topology.exchanges.map(({ name }) => name)
      const queues = topology.queues.map(({ name }) => name)
      const all = `exchanges ${exchanges.join(', ')}\nqueues ${queues.join(', ')}`
      const problem = dryRun ? await brokerProblem(servers.amqpUrl, topology, settings) : undefined
      if (!dryRun) await declareBroker(servers.amqpUrl, topology, options)
      if (json) {
        const found = dryRun ? { brokerProblem: problem?.message ?? null } : {}
        console.log(JSON.stringify({ dryRun, databases, exchanges, queues, ...found }, null, 2))
      } else print(databases, dryRun, dryRun ? wouldDo(problem, all) : all.replaceAll(/^/gm, 'declared '))
      process.exitCode = exitCodes.ok
    } finally {
      await servers.stop()
    }
  })

/** What the broker lacks; all of it only when it has nothing yet. */
function wouldDo(problem: Unavailable | undefined, all: string): string {
  if (problem === undefined) return 'broker: up to date'
  if (problem.code === 'topology.absent') return all.replaceAll(/^/gm, 'would declare ')
  return `${problem.message}${problem.code === 'topology.missing' ? '; would make what is missing' : ''}`
}

function print(databases: DatabaseReport[], dryRun: boolean, broker: string): void {
  for (const { database, created, applied } of databases) {
    const done =
      applied.length === 0 ? 'up to date' : `${dryRun ? 'would apply' : 'applied'} ${applied.join(', ')}`
    console.log(`${database}: ${created ? `${dryRun ? 'would be created' : 'created'}; ` : ''}${done}`)
  }
  console.log(broker)
}

await runCommand(command)
