import { execFile } from 'node:child_process'
import { chown, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Unavailable } from '../../shared/failure/index.ts'
import { findPostgresBinaries } from './binaries.ts'
import { startDaemon } from './daemon.ts'
import { unprivilegedUser } from './own-place.ts'
import { freePort } from './ports.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { whyNotPostgres } from './probe.ts'

const run = promisify(execFile)

/**
 * A PostgreSQL of our own on 127.0.0.1, data in `dataDir` (made when missing), user postgres without password.
 * `fsync` is on, as in production: what a crash leaves behind is part of what is tested.
 * Throws Unavailable when there are no binaries or the server does not come up.
 */
export async function startPrivatePostgres(options: {
  dataDir: string
  port?: number
  binaries?: string | undefined
  /** `name=value`, each of them over the usual ones. */
  settings?: readonly string[]
}): Promise<PrivateServer> {
  const binaries = options.binaries ?? findPostgresBinaries()
  if (binaries === undefined)
    throw new Unavailable('no PostgreSQL binaries on this machine', { code: 'infra.no_binaries' })
  const { dataDir } = options
  const all = [...usualSettings, ...(options.settings ?? [])]
  const user = unprivilegedUser()
  await ensureCluster(binaries, dataDir, user)
  const port = options.port ?? (await freePort())
  return startPrivateServer({
    name: 'PostgreSQL',
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    startTimeoutMs: 30_000,
    stopSignal: 'SIGINT', // "fast": ends sessions and writes a checkpoint
    whyNot: whyNotPostgres,
    start: () =>
      startDaemon({
        command: join(binaries, 'postgres'),
        args: ['-D', dataDir, '-p', String(port), ...all.flatMap((setting) => ['-c', setting])],
        env: { ...process.env, LC_ALL: 'C' },
        cwd: dataDir,
        logFile: `${dataDir}.log`,
        ...user,
      }),
  })
}

const usualSettings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'fsync=on',
  'log_min_messages=warning',
]

async function ensureCluster(
  binaries: string,
  dataDir: string,
  user: { uid: number; gid: number } | undefined,
): Promise<void> {
  const made = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (made !== undefined) return
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (user) await chown(dataDir, user.uid, user.gid)
  await run(
    join(binaries, 'initdb'),
    ['-D', dataDir, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-instructions'],
    { cwd: dirname(dataDir), env: { ...process.env, LC_ALL: 'C' }, ...user },
  )
}
