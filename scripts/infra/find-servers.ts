import { describe, Unavailable } from '../../shared/failure/index.ts'
import { createResources } from '../../shared/lifecycle/index.ts'
import { onPath } from './binaries.ts'
import { Interrupted } from './command.ts'
import { composeSource, whyNoEngine } from './compose.ts'
import { installSource } from './install.ts'
import { privateSource } from './private.ts'
import { environmentSource, runningSource } from './running.ts'
import {
  displayName,
  type Found,
  type Kind,
  kinds,
  type ServerName,
  type Source,
  systemPackages,
} from './source.ts'

export interface Servers {
  /** The server's maintenance database; see databaseOf for the others. */
  postgresUrl: string
  amqpUrl: string
  kinds: Partial<Record<ServerName, Kind>>
  /** Stops what was started here, in reverse, each even if the other fails to stop. */
  stop(): Promise<void>
}

export interface FindOptions {
  /** Which are needed; both when not said. */
  postgres?: boolean
  rabbitmq?: boolean
  /** Only this way. */
  force?: Kind | undefined
  /** Told what happens, one line at a time. */
  log: (line: string) => void
  /** Folder (under the project's own place) for the data of private servers; tests use another than `npm start`. */
  place?: string
}

const sources: Record<Kind, Source> = {
  env: environmentSource,
  running: runningSource,
  compose: composeSource,
  private: privateSource,
  install: installSource,
}

/**
 * Finds or brings up PostgreSQL and RabbitMQ. A URL is the empty string for a server that was not asked for.
 * Throws Unavailable with the next command to type when one can't be had, and Interrupted after Ctrl-C: that ends the programs
 * that are run here too, which is no reason to try the next way.
 */
export async function findServers(options: FindOptions): Promise<Servers> {
  const interruption = new AbortController()
  const interrupt = () => interruption.abort(new Interrupted())
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt)
  try {
    return await search(options, interruption.signal)
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, interrupt)
  }
}

async function search(options: FindOptions, interrupted: AbortSignal): Promise<Servers> {
  const wanted = (['postgres', 'rabbitmq'] as const).filter((server) => options[server] ?? true)
  const outcomes = await Promise.allSettled(wanted.map((server) => findOne(server, options, interrupted)))
  const found = new Map<ServerName, Found & { kind: Kind }>()
  const resources = createResources()
  outcomes.forEach((outcome, index) => {
    if (outcome.status !== 'fulfilled') return
    const server = wanted[index]!
    found.set(server, outcome.value)
    resources.add(displayName[server], outcome.value.stop)
  })
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected')
  if (failures.length > 0 || interrupted.aborted) {
    await resources.stop().catch((error) => options.log(describe(error)))
    throw interrupted.reason ?? failures[0]?.reason
  }
  return {
    postgresUrl: found.get('postgres')?.url ?? '',
    amqpUrl: found.get('rabbitmq')?.url ?? '',
    kinds: Object.fromEntries([...found].map(([server, { kind }]) => [server, kind])),
    stop: resources.stop,
  }
}

async function findOne(
  server: ServerName,
  options: FindOptions,
  interrupted: AbortSignal,
): Promise<Found & { kind: Kind }> {
  const context = { log: options.log, place: options.place ?? 'servers', interrupted }
  const reasons: string[] = []
  for (const kind of options.force ? [options.force] : kinds) {
    const outcome = await sources[kind](server, context)
    if (typeof outcome !== 'string') return { ...outcome, kind }
    interrupted.throwIfAborted()
    reasons.push(`${kind}: ${outcome}`)
  }
  throw new Unavailable(`${displayName[server]} can't be had (${reasons.map(oneLine).join('; ')}).`, {
    code: 'infra.unavailable',
    next: await nextStep(server, options.force),
  })
}

const oneLine = (text: string): string => describe(text).replaceAll(/\s+/g, ' ').trim()

async function nextStep(server: ServerName, force: Kind | undefined): Promise<string> {
  const mac = process.platform === 'darwin'
  const start = mac ? `brew services start ${server}` : `service ${systemPackages[server]} start`
  if (force === 'env') return `export ${server === 'postgres' ? 'POSTGRES_URL' : 'AMQP_URL'}=...`
  if (force === 'running') return start
  if (force === 'compose') {
    const runs = (await whyNoEngine()) === undefined
    return runs ? `docker compose up ${server}` : 'start the Docker engine, or leave out --infra'
  }
  if (mac) return `brew install ${server === 'postgres' ? 'postgresql@17' : 'rabbitmq'}`
  if (onPath('apt-get') === undefined) return `install ${displayName[server]}, and try again`
  const root = process.getuid?.() === 0 ? '' : 'sudo '
  return `${root}apt-get update && ${root}apt-get install -y ${systemPackages[server]}`
}
