import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pause } from '../../shared/failure/index.ts'

const lookMs = 200
/** Between making the folder and writing its owner down lies a moment. */
const looksWithoutOwner = 20

/**
 * Does `work` while no other process does work under that name, a folder that is there meanwhile. `waiting` is told the owner's process
 * id when it has to wait. A folder whose owner is gone is taken over. Throws the reason of `signal` when it is aborted while it waits.
 */
export async function oneAtATime<Result>(
  lock: string,
  { waiting, signal }: { waiting: (owner: number | undefined) => void; signal: AbortSignal },
  work: () => Promise<Result>,
): Promise<Result> {
  for (let looks = 0; !(await made(lock)); looks += 1) {
    signal.throwIfAborted()
    const owner = await ownerOf(lock)
    if (owner === undefined ? looks > looksWithoutOwner : !isAlive(owner)) await moveAside(lock)
    else if (looks === 0) waiting(owner)
    await pause(lookMs)
  }
  try {
    await writeFile(join(lock, 'pid'), String(process.pid))
    return await work()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

const made = (lock: string): Promise<boolean> =>
  mkdir(lock).then(
    () => true,
    (error) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )

const ownerOf = (lock: string): Promise<number | undefined> =>
  readFile(join(lock, 'pid'), 'utf8').then(
    (text) => Number(text) || undefined,
    () => undefined,
  )

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Somebody else may be quicker; anything else would not get better by waiting. */
async function moveAside(lock: string): Promise<void> {
  const aside = `${lock}.${process.pid}`
  await rename(lock, aside).catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
  await rm(aside, { recursive: true, force: true })
}
