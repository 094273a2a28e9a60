import { whyNotPostgres, whyNotRabbit } from './probe.ts'
import { reasonOf, runProgram } from './program.ts'
import { projectRoot } from './schemas.ts'
import type { ServerName, Source } from './source.ts'

/** The credentials that docker-compose.yml gives its servers unless told otherwise. */
const environmentOf = (key: string, standard: string): string =>
  encodeURIComponent(process.env[key] || standard)
export const composeUrls = (): Record<ServerName, string> => {
  const postgres = `${environmentOf('POSTGRES_USER', 'postgres')}:${environmentOf('POSTGRES_PASSWORD', 'postgres')}`
  const rabbit = `${environmentOf('RABBITMQ_USER', 'guest')}:${environmentOf('RABBITMQ_PASSWORD', 'guest')}`
  return {
    postgres: `postgres://${postgres}@127.0.0.1:5432/postgres`,
    rabbitmq: `amqp://${rabbit}@127.0.0.1:5672`,
  }
}

/** The client alone proves nothing: it is installed on machines where no engine runs. `docker info` asks the engine. */
async function whyNoEngine(): Promise<string | undefined> {
  try {
    await runProgram('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 })
    await runProgram('docker', ['compose', 'version'], { timeout: 10_000 })
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'docker is not installed' : reasonOf(error)
  }
}

/** Docker compose, if an engine runs. A container that was up before stays up. */
export const composeSource: Source = async (server, { log }) => {
  const missing = await whyNoEngine()
  if (missing !== undefined) return missing
  const compose = (...args: string[]) =>
    runProgram('docker', ['compose', ...args], { cwd: projectRoot, timeout: 600_000 })
  try {
    const before = await compose('ps', '--quiet', '--status', 'running', server)
    log(`starting ${server} with docker compose`)
    await compose('up', '--detach', '--wait', server)
    const url = composeUrls()[server]
    const reason = await (server === 'postgres' ? whyNotPostgres : whyNotRabbit)(url)
    if (reason !== undefined) return reason
    return {
      url,
      stop: async () => {
        if (before.stdout.trim() === '') await compose('stop', server)
      },
    }
  } catch (error) {
    return reasonOf(error)
  }
}
