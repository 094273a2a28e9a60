import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectRoot } from './schemas.ts'

const othersMayEnter = (folder: string): boolean => (statSync(folder).mode & 0o001) !== 0

/** All folders above `path`, itself included. */
const chain = (path: string): string[] => (dirname(path) === path ? [path] : [path, ...chain(dirname(path))])

/** The user that a server runs as which refuses to be root; undefined when we are not root. */
export function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return user ? { uid: Number(user[2]), gid: Number(user[3]) } : { uid: 65_534, gid: 65_534 }
}

/**
 * Where private servers keep their data: `.data` of the project, or, where PostgreSQL's user could not enter it
 * (root's home is closed to others), a folder of this project's own under /var/tmp.
 */
export function ownPlace(): string {
  if (process.getuid?.() !== 0 || chain(projectRoot).every(othersMayEnter)) return join(projectRoot, '.data')
  const name = createHash('sha256').update(projectRoot).digest('hex').slice(0, 10)
  return `/var/tmp/outbox-saga-${name}`
}
