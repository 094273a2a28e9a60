import { accessSync, constants, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Full path of a program on PATH. */
export const onPath = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable)

/** Sub-folders of `folder` whose name begins with `prefix`, the highest number first. */
const versionsIn = (folder: string, prefix = ''): string[] => {
  try {
    const names = readdirSync(folder).filter((name) => name.startsWith(prefix))
    return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true })).map((name) => join(folder, name))
  } catch {
    return []
  }
}

const homebrew = ['/opt/homebrew/opt', '/usr/local/opt', '/home/linuxbrew/.linuxbrew/opt']

/** The folder of `postgres` and `initdb`, or undefined. `extra` are folders to look into last. */
export const findPostgresBinaries = (extra: readonly string[] = []): string | undefined =>
  allPostgresBinaries(extra)[0]

/** The folders of all installed versions, the one to prefer first. */
export function allPostgresBinaries(extra: readonly string[] = []): string[] {
  const path = onPath('postgres')
  const folders = [
    ...versionsIn('/usr/lib/postgresql').map((version) => join(version, 'bin')),
    ...homebrew.flatMap((folder) => versionsIn(folder, 'postgresql')).map((version) => join(version, 'bin')),
    ...versionsIn('/usr/pgsql').map((version) => join(version, 'bin')),
    ...(path === undefined ? [] : [dirname(realpathSync(path))]),
    ...extra,
  ]
  return folders.filter(
    (folder) => isExecutable(join(folder, 'postgres')) && isExecutable(join(folder, 'initdb')),
  )
}

/**
 * `rabbitmq-server` itself, or undefined. Distributions put a wrapper on PATH that changes the user and insists on the
 * system's folders, so the script inside the package comes first.
 */
export function findRabbitServer(): string | undefined {
  const path = onPath('rabbitmq-server')
  const scripts = [
    ...versionsIn('/usr/lib/rabbitmq/lib', 'rabbitmq_server').map((folder) =>
      join(folder, 'sbin/rabbitmq-server'),
    ),
    ...homebrew.map((folder) => join(folder, 'rabbitmq/sbin/rabbitmq-server')),
    ...(path === undefined ? [] : [path]),
  ]
  return scripts.find(isExecutable)
}
