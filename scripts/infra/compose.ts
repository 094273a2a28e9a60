import { z } from 'zod'
import { whyNotPostgres, whyNotRabbit } from './probe.ts'
import { reasonOf, runProgram } from './program.ts'
import { projectRoot } from './schemas.ts'
import type { ServerName, Source } from './source.ts'

const credentials = z.object({
  services: z.object({
    postgres: z.object({
      environment: z.object({ POSTGRES_USER: z.string(), POSTGRES_PASSWORD: z.string() }),
    }),
    rabbitmq: z.object({
      environment: z.object({ RABBITMQ_DEFAULT_USER: z.string(), RABBITMQ_DEFAULT_PASS: z.string() }),
    }),
  }),
})

/** Where the servers of docker-compose.yml answer. `config`: the file as compose understands it, with the environment and `.env` put in. */
export function composeUrls(config: unknown): Record<ServerName, string> {
  const { postgres, rabbitmq } = credentials.parse(config).services
  const { POSTGRES_USER, POSTGRES_PASSWORD } = postgres.environment
  const { RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS } = rabbitmq.environment
  return {
    postgres: `postgres://${loginOf(POSTGRES_USER, POSTGRES_PASSWORD)}@127.0.0.1:5432/postgres`,
    rabbitmq: `amqp://${loginOf(RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS)}@127.0.0.1:5672`,
  }
}

const loginOf = (user: string, password: string): string =>
  `${encodeURIComponent(user)}:${encodeURIComponent(password)}`

/** The client alone proves nothing: it is installed on machines where no engine runs. `docker info` asks the engine. */
export async function whyNoEngine(): Promise<string | undefined> {
  try {
    await runProgram('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'docker is not installed' : reasonOf(error)
  }
  const version = runProgram('docker', ['compose', 'version'], { timeout: 10_000 })
  return version.then(
    () => undefined,
    () => 'docker has no compose plugin',
  )
}

const compose = (...args: string[]): Promise<{ stdout: string }> =>
  runProgram('docker', ['compose', ...args], { cwd: projectRoot, timeout: 600_000 })

/** Docker compose, if an engine runs. A container that was up before stays up; one that we started and can't use is stopped. */
export const composeSource: Source = async (server, { log }) => {
  const missing = await whyNoEngine()
  if (missing !== undefined) return missing
  try {
    const config = await compose('config', '--format', 'json')
    const url = composeUrls(JSON.parse(config.stdout))[server]
    const before = await compose('ps', '--quiet', '--status', 'running', server)
    const stop = async (): Promise<void> => {
      if (before.stdout.trim() === '') await compose('stop', server)
    }
    log(`starting ${server} with docker compose`)
    const reason = await whyNotUp(server, url)
    if (reason === undefined) return { url, stop }
    await stop()
    return reason
  } catch (error) {
    return reasonOf(error)
  }
}

const whyNotUp = (server: ServerName, url: string): Promise<string | undefined> =>
  compose('up', '--detach', '--wait', server).then(
    () => (server === 'postgres' ? whyNotPostgres : whyNotRabbit)(url),
    reasonOf,
  )
