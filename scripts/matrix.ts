import {
  checkInvariants,
  crashPoints,
  killAt,
  killRounds,
  type Round,
  withSystem,
} from '../test/system/index.ts'
import {
  commandWithExamples,
  exitCodes,
  findServers,
  type InfraFlag,
  infraOption,
  runCommand,
} from './infra/index.ts'

const command = commandWithExamples(
  'npm run matrix --',
  'Kills a service at every crash point there is, one after another, and checks every invariant after each.',
  ['npm run matrix', 'npm run matrix -- relay.afterConfirm'],
)
  .argument('[points...]', 'only points whose name contains one of these')
  .addOption(infraOption())
  .action(async (points: string[], { infra }: InfraFlag) => {
    const rounds = killRounds(points)
    if (rounds.length === 0) command.error(`there is no crash point named like ${points.join(', ')}`)
    const count = Object.values(crashPoints).flat().length
    const log = (line: string): void => console.error(line)
    const servers = await findServers({ force: infra, log, place: 'test' })
    process.env.TEST_POSTGRES_URL = servers.postgresUrl
    process.env.TEST_AMQP_URL = servers.amqpUrl
    try {
      const failures = await runRounds(rounds)
      console.log(`${rounds.length} rounds over ${count} points, ${failures} failed`)
      process.exitCode = failures === 0 ? exitCodes.ok : exitCodes.failed
    } finally {
      await servers.stop()
    }
  })

/** A round that fails spoils its system, so the next gets a new one. */
async function runRounds(rounds: readonly Round[]): Promise<number> {
  const waiting = [...rounds]
  let failures = 0
  while (waiting.length > 0) {
    await withSystem({ mode: 'choreography' }, async (system) => {
      for (let round = waiting.shift(); round !== undefined; round = waiting.shift()) {
        const began = performance.now()
        const name = Object.values(round).join(', ')
        try {
          await killAt(system, round)
          await checkInvariants(system)
        } catch (error) {
          console.log(`FAIL ${name}`)
          throw error
        }
        console.log(`ok   ${name}  ${((performance.now() - began) / 1000).toFixed(1)} s`)
      }
    }).catch((error) => {
      failures += 1
      console.log(error instanceof Error ? error.message : error)
    })
  }
  return failures
}

await runCommand(command)
