import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { spreadOf } from '../../compare/index.ts'

const run = promisify(execFile)

/** Resident memory of a process in MB: from /proc, or where there is none from `ps`. */
const residentMb = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined)
  const kilobytes =
    status === undefined
      ? (await run('ps', ['-o', 'rss=', '-p', String(pid)])).stdout
      : /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return Number(kilobytes) / 1024
}

export interface Memory {
  /** Ends it; the samples in MB, one list for each process. Throws when a process was gone. */
  stop(): Promise<number[][]>
}

/** Reads the resident memory of these processes again and again. */
export const watchMemory = (pids: readonly number[], everyMs: number): Memory => {
  const samples = pids.map((): number[] => [])
  const stopping = new AbortController()
  const watch = async () => {
    while (!stopping.signal.aborted) {
      const now = await Promise.all(pids.map(residentMb))
      for (const [index, mb] of now.entries()) samples[index]?.push(mb)
      await pause(everyMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const watching = watch()
  return {
    stop: async () => {
      stopping.abort()
      await watching
      return samples
    },
  }
}

/**
 * By how much memory grew after its first tenth, in percent: the median of the last tenth to the median of the second one. A process
 * takes and gives back memory all the time, so that two single readings say nothing. At least ten samples.
 */
export const growthPercent = (samples: readonly number[]): number => {
  const tenth = Math.floor(samples.length / 10)
  const [second, last] = [samples.slice(tenth, 2 * tenth), samples.slice(-tenth)].map(spreadOf)
  if (tenth === 0 || !second || !last) throw new Error(`${samples.length} readings of memory are too few`)
  return 100 * (last.median / second.median - 1)
}
