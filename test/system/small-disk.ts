import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs `use` with a disk of its own that holds so much and no more; it must leave nobody at work in there. */
export const withSmallDisk = async (
  megabytes: number,
  use: (folder: string) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp('/var/tmp/saga-small-disk-')
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder])
    try {
      await use(folder)
    } finally {
      await run('umount', [folder])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Undefined where a small disk can be had. */
export const whyNoSmallDisk = (): Promise<string | undefined> =>
  withSmallDisk(1, async () => {}).then(
    () => undefined,
    (error: Error) => `no disk can be mounted here: ${error.message.replaceAll('\n', ' ')}`,
  )

/** Writes until not another byte goes on the disk of `path`. */
export const fillDisk = async (path: string): Promise<void> => {
  const file = await open(path, 'w')
  try {
    for (const size of [1 << 20, 4096, 1]) await writeUntilFull(() => file.write(new Uint8Array(size)))
  } finally {
    await file.close()
  }
}

const writeUntilFull = async (write: () => Promise<{ bytesWritten: number }>): Promise<void> => {
  try {
    while ((await write()).bytesWritten > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
