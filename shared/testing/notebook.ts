import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const folder = join(import.meta.dirname, '../../.data/test-notebook')

/** What a test makes on servers that outlive it. */
export interface Made {
  kind: 'namespace' | 'database'
  name: string
}

const pageOf = ({ kind, name }: Made) => join(folder, `${kind} ${name}`)

/** Notes what is about to be made, so that it can be removed even when this process is killed. */
export const noteMade = (made: Made): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(pageOf(made), String(process.pid))
}

/** It is gone again. */
export const strikeOut = (made: Made): void => rmSync(pageOf(made), { force: true })

/** What processes that are gone have left behind. */
export const leftBehind = (): Made[] => {
  mkdirSync(folder, { recursive: true })
  return readdirSync(folder).flatMap((page) => {
    if (isAlive(Number(readFileSync(join(folder, page), 'utf8')))) return []
    const [kind, name = ''] = page.split(' ')
    return [{ kind: kind as Made['kind'], name }]
  })
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
