import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { projectRoot } from '../infra/index.ts'

const shared = join(projectRoot, 'shared')
const isTest = (path: string) => /\.test\.ts$|(^|\/)testing(\.ts$|\/)/.test(path)

/** What a room's files import that is not their own, tests left out. */
const importsOf = (room: string): string[] => {
  const files = readdirSync(join(shared, room), { recursive: true, encoding: 'utf8' })
  return files
    .filter((path) => path.endsWith('.ts') && !isTest(path))
    .map((path) => readFileSync(join(shared, room, path), 'utf8'))
    .flatMap((text) => [...text.matchAll(/(?:from|import) '([^']+)'/g)].map((it) => it[1] as string))
}

const roomIn = (path: string) => /^(?:\.\.\/)+([a-z]+)\/index\.ts$/.exec(path)?.[1]
const packageIn = (path: string) => /^(@[^/]+\/[^/]+|[^./][^/]*)/.exec(path)?.[0]
const isBuiltIn = (name: string) => name.startsWith('node:') || builtinModules.includes(name)

/** A room with all rooms that it needs, near and far. */
const withNeeded = (room: string, found: Set<string> = new Set()): Set<string> => {
  if (found.has(room)) return found
  found.add(room)
  for (const path of importsOf(room)) {
    const needed = roomIn(path)
    if (needed !== undefined) withNeeded(needed, found)
  }
  return found
}

/** What has to be copied and installed with each room, read from its imports. */
export const roomsTable = (): string => {
  const rooms = readdirSync(shared)
    .filter((name) => name !== 'testing')
    .sort()
  const list = (names: Iterable<string>) =>
    [...new Set(names)]
      .sort()
      .map((name) => `\`${name}\``)
      .join(', ') || '-'
  return [
    '| room | rooms to copy with it | `npm install` |',
    '| --- | --- | --- |',
    ...rooms.map((room) => {
      const all = [...withNeeded(room)]
      const packages = all
        .flatMap(importsOf)
        .map(packageIn)
        .filter((name) => name !== undefined && !isBuiltIn(name)) as string[]
      return `| \`${room}\` | ${list(all.filter((name) => name !== room))} | ${list(packages)} |`
    }),
  ].join('\n')
}
