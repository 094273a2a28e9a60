import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface ProcessTimes {
  pid: number
  parent: number
  /** CPU seconds, user and system: its own and those of children it has waited for. */
  seconds: number
}

/** Linux counts in hundredths of a second towards programs, on every architecture that Node runs on. */
const ticksPerSecond = 100

/** One line of /proc/<pid>/stat (proc(5)); the name may hold anything, so fields count from the last bracket. */
export const parseProcStat = (text: string): ProcessTimes => {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  const ticks = field(14) + field(15) + field(16) + field(17)
  return { pid: Number.parseInt(text, 10), parent: field(4), seconds: ticks / ticksPerSecond }
}

/** One line of `ps -A -o pid=,ppid=,time=`; time is [[days-]hours:]minutes:seconds. */
export const parsePsLine = (line: string): ProcessTimes => {
  const [pid, parent, time = '0'] = line.trim().split(/\s+/)
  const [clock = '0', days = '0'] = time.split('-').reverse()
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return { pid: Number(pid), parent: Number(parent), seconds: Number(days) * 86_400 + seconds }
}

/** All processes: from /proc, or where there is none from `ps` (whole seconds, without reaped children). */
export const readProcesses = async (): Promise<ProcessTimes[]> => {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name))
  if (pids.length > 0) {
    const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
    return texts.filter((text) => text !== '').map(parseProcStat)
  }
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,time='])
  return stdout.trim().split('\n').map(parsePsLine)
}

/** CPU seconds of a process and everything below it; null when it is not there. */
export const treeSeconds = (processes: readonly ProcessTimes[], root: number): number | null => {
  const children = new Map<number, ProcessTimes[]>()
  for (const one of processes) children.set(one.parent, [...(children.get(one.parent) ?? []), one])
  const below = (one: ProcessTimes): number =>
    one.seconds + (children.get(one.pid) ?? []).reduce((sum, child) => sum + below(child), 0)
  const top = processes.find((one) => one.pid === root)
  return top ? below(top) : null
}

export interface CpuMeter<Name extends string> {
  /** From now on `name` is this process (also after a restart). */
  track(name: Name, pid: number): void
  /** Books what the process has used so far; call it just before the process is ended. */
  retire(name: Name): Promise<void>
  /** CPU seconds used so far by all processes that had the name. */
  read(): Promise<Record<Name, number>>
}

export const createCpuMeter = <Name extends string>(
  names: readonly Name[],
  processesNow: () => Promise<ProcessTimes[]> = readProcesses,
): CpuMeter<Name> => {
  const booked = new Map<Name, number>()
  const running = new Map<Name, number>()
  return {
    track: (name, pid) => {
      running.set(name, pid)
    },
    retire: async (name) => {
      const pid = running.get(name)
      if (pid === undefined) return
      running.delete(name)
      const used = treeSeconds(await processesNow(), pid) ?? 0
      booked.set(name, (booked.get(name) ?? 0) + used)
    },
    read: async () => {
      const processes = await processesNow()
      const used = (name: Name) => {
        const pid = running.get(name)
        return (booked.get(name) ?? 0) + (pid === undefined ? 0 : (treeSeconds(processes, pid) ?? 0))
      }
      return Object.fromEntries(names.map((name) => [name, used(name)])) as Record<Name, number>
    },
  }
}

/** CPU seconds of the whole machine so far, all cores together: used, and there to be used. */
export const machineSeconds = (): { used: number; all: number } => {
  const times = os.cpus().map((core) => core.times)
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0)
  const idle = times.reduce((sum, core) => sum + core.idle, 0)
  return { used: (all - idle) / 1_000, all: all / 1_000 }
}
