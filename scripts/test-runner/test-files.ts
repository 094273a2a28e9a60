import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

const rooms = ['shared', 'services', 'scripts', 'test']

/** Proofs take minutes: they are run by a command of their own. */
const isProof = (file: string): boolean => file.endsWith('.proof.test.ts')

/** All tests of the project or all its proofs, or those whose path contains one of `filters`; paths relative to `root`. */
export async function findTestFiles(
  root: string,
  filters: readonly string[],
  kind: 'tests' | 'proofs' = 'tests',
): Promise<string[]> {
  const lists = await Promise.all(rooms.map((room) => filesUnder(join(root, room))))
  const files = lists.flat().map((file) => relative(root, file).split(sep).join('/'))
  const isOurs = (file: string) => file.endsWith('.test.ts') && !file.includes('/node_modules/')
  const wanted = (file: string) => isOurs(file) && isProof(file) === (kind === 'proofs')
  const tests = files.filter(wanted).sort()
  const clean = filters.map((filter) => filter.replace(/^\.\//, ''))
  return clean.length === 0 ? tests : tests.filter((file) => clean.some((filter) => file.includes(filter)))
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
