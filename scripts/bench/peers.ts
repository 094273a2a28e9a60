import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Unavailable } from '../../shared/failure/index.ts'
import type { Outcome, Side } from './part.ts'
import type { Scene } from './scene.ts'

const folder = join(import.meta.dirname, 'peers')

const names: Readonly<Record<string, string>> = {
  'graphile-worker': 'graphile-worker',
  'pg-boss': 'pg-boss',
  'pg-transactional-outbox-polling': 'pg-transactional-outbox, polling',
  'pg-transactional-outbox-replication': 'pg-transactional-outbox, replication',
}

type PeerModule = Record<'drain' | 'deliver', (scene: Scene) => Promise<Outcome>>

/** The packages that a team would take instead, each in a file of its own that does the same work. */
export const rivals = (work: keyof PeerModule): Side[] =>
  Object.entries(names).map(([key, name]) => ({
    key,
    name,
    kind: 'rival',
    run: async (scene) => {
      const peer = (await import(join(folder, `${key}.ts`))) as PeerModule
      return peer[work](scene)
    },
  }))

/** Installs them beside the project, from their own lock file: they are no dependencies of it. */
export const installPeers = (log: (line: string) => void): void => {
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return
  log('installing the rivals (npm ci in scripts/bench/peers), once')
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  const args = [...npm.slice(1), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync(npm[0]!, args, { cwd: folder, encoding: 'utf8' })
  if (done.status === 0) return
  throw new Unavailable(`the rivals can't be installed: ${`${done.stdout}${done.stderr}`.trim()}`, {
    code: 'bench.no_peers',
    next: 'with a network at hand, try again; without --peers they are left out',
  })
}
