import { createCpuMeter } from '../compare/index.ts'
import { peakMemoryMb } from './peak-memory.ts'

export interface Cost {
  /** How many events (or orders) it was for. */
  count: number
  seconds: number
  /** CPU seconds; the servers' only where they are our own. */
  cpu: { node: number; postgres?: number; broker?: number }
  /** Peak resident memory of this process and the services that it started. */
  memoryMb: number
}

export interface CostMeter {
  /** Runs work that is measured, for so many events, and returns the seconds it took. Several windows are added up. */
  window(count: number, work: () => Promise<void>): Promise<number>
  cost(): Cost | undefined
}

/** What the measured work cost: this process with its children, and our own servers. */
export const createCostMeter = (
  pids: Readonly<Partial<Record<'postgres' | 'broker', number>>>,
): CostMeter => {
  const meter = createCpuMeter(['node', 'postgres', 'broker'])
  meter.track('node', process.pid)
  const servers = (['postgres', 'broker'] as const).filter((name) => pids[name] !== undefined)
  for (const name of servers) meter.track(name, pids[name]!)
  let sum: Cost | undefined
  return {
    window: async (count, work) => {
      const before = await meter.read()
      const began = performance.now()
      await work()
      const seconds = (performance.now() - began) / 1000
      const after = await meter.read()
      const used = (name: 'node' | 'postgres' | 'broker') =>
        after[name] - before[name] + (sum?.cpu[name] ?? 0)
      sum = {
        count: count + (sum?.count ?? 0),
        seconds: seconds + (sum?.seconds ?? 0),
        cpu: { node: used('node'), ...Object.fromEntries(servers.map((name) => [name, used(name)])) },
        memoryMb: await peakMemoryMb(),
      }
      return seconds
    },
    cost: () => sum,
  }
}
