import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One run of one test file. */
export interface Run {
  file: string
  source: string
  /** Of a file that is run once per mode. */
  mode: string | undefined
}

/**
 * A file runs once; one that declares `// modes: choreography, rpc` in its first lines runs once in each, told by TEST_SAGA_MODE.
 * Where `env` names a mode already, it runs in that one alone.
 */
export async function runsOf(
  file: string,
  { root, env }: { root: string; env: NodeJS.ProcessEnv },
): Promise<Run[]> {
  const source = await readFile(join(root, file), 'utf8')
  const modes = declared(source, 'modes')?.split(/, */)
  if (modes === undefined || env.TEST_SAGA_MODE !== undefined) return [{ file, source, mode: undefined }]
  return modes.map((mode) => ({ file, source, mode }))
}

export const nameOf = ({ file, mode }: Run): string => (mode === undefined ? file : `${file} (${mode})`)

const firstLines = 10

/** What a test file says of itself in a comment of its own: `// limit: 300 s`. */
export const declared = (source: string, what: 'limit' | 'modes'): string | undefined =>
  new RegExp(`^// ${what}: (.+)$`, 'm').exec(source.split('\n').slice(0, firstLines).join('\n'))?.[1]
