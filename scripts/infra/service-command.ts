import { Argument, type Command } from 'commander'
import { readConfig } from '../../shared/config/index.ts'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { serviceSchema } from '../../shared/service/index.ts'
import { commandWithExamples, type InfraFlag, infraOption } from './command.ts'
import { findServers } from './find-servers.ts'
import { refuseTakenPort } from './ports.ts'
import { provision, provisionSettings } from './provision.ts'
import { followToTheEnd, type Program, startServiceProcess } from './service-process.ts'

/**
 * What a service will read from this environment, but for where its servers are: those are found. Throws ConfigError; the service
 * would find out too, but late, and in the middle of its log.
 */
export const serviceSettingsOf = (service: ServiceName) =>
  readConfig(serviceSchema(service).omit({ DATABASE_URL: true, AMQP_URL: true }))

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
      const place = serviceSettingsOf(service)
      if (program === 'main') {
        const next = `stop what listens there, or start with PORT=<port> npm run ${service}`
        await refuseTakenPort(service, place.port, next, place.host)
      }
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
