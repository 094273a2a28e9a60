import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../infra/index.ts'
import type { Sample } from './run-parts.ts'

/** Where a run is kept: the raw samples as they come, one a line, then the results and the table. */
export interface Folder {
  path: string
  keep(sample: Sample): Promise<void>
  write(name: string, text: string): Promise<void>
}

export const openFolder = async (now: Date): Promise<Folder> => {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')
  const path = join(projectRoot, '.data', 'bench', `${stamp}-${process.pid}`)
  await mkdir(path, { recursive: true })
  return {
    path,
    keep: (sample) => appendFile(join(path, 'samples.ndjson'), `${JSON.stringify(sample)}\n`),
    write: (name, text) => writeFile(join(path, name), text),
  }
}
