import { readFile } from 'node:fs/promises'
import { readProcesses } from '../compare/cpu.ts'

/** Peak resident memory in MB of this process and all below it, each at its own time; of this one alone where there is no /proc. */
export const peakMemoryMb = async (): Promise<number> => {
  const processes = await readProcesses()
  const below = (pid: number): number[] => [
    pid,
    ...processes.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid)),
  ]
  const peaks = await Promise.all(below(process.pid).map(peakOf))
  const sum = peaks.reduce((total, mb) => total + mb, 0)
  return sum > 0 ? sum : process.resourceUsage().maxRSS / 1024
}

const peakOf = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
}
