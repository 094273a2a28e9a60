import { Argument, type Command } from 'commander'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { commandWithExamples, type InfraFlag, infraOption } from './command.ts'
import { findServers } from './find-servers.ts'
import { provision, provisionSettings } from './provision.ts'
import { followToTheEnd, type Program, startServiceProcess } from './service-process.ts'

/** The command that runs one program of one service until it is stopped; its exit code becomes ours. */
export const serviceCommand = (
  name: string,
  does: string,
  examples: readonly string[],
  program: Program,
): Command =>
  commandWithExamples(name, does, examples)
    .addArgument(new Argument('<service>').choices(services))
    .addOption(infraOption())
    .action(async (service: ServiceName, { infra }: InfraFlag) => {
      const settings = provisionSettings()
      const servers = await findServers({ force: infra, log: (line) => console.error(line) })
      try {
        await provision(servers, { ...settings, only: [service], onProblem: console.error })
        process.exitCode = await followToTheEnd(
          startServiceProcess(service, program, servers, settings.namespace),
        )
      } finally {
        await servers.stop()
      }
    })
