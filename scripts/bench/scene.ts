import { join } from 'node:path'
import { type CostMeter, createCostMeter } from './cost.ts'

/** Where a side runs. Databases and broker names that it makes begin with the namespace. */
export interface SceneSettings {
  postgresUrl: string
  amqpUrl: string
  namespace: string
  /** Begins with the namespace. So do the names of all that this run alone makes on the broker: see `clearRun`. */
  runName: string
  /** Process ids of servers of our own, whose CPU is counted. */
  pids: Readonly<Partial<Record<'postgres' | 'broker', number>>>
  /** 0.1: a tenth of the work. */
  scale: number
  /** Size of an event's payload. */
  bytes: number
  /** Orders a second of a soak; found out when not said. */
  rate?: number
  /** Keeps CPU profiles of the side and of the services it starts in this folder. */
  profileIn?: string
}

/** What Node is to be told so that it keeps a CPU profile of a process. */
export const profiling = ({ profileIn }: Pick<SceneSettings, 'profileIn'>, processName: string): string[] =>
  profileIn === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profileIn, processName)}`]

/** Tells how far a long run is. */
export type Tell = (done: number, of: number) => void

export interface Scene extends SceneSettings, CostMeter {
  /** So many at this scale, at least one. */
  scaled(count: number): number
  progress: Tell
}

export const createScene = (settings: SceneSettings, progress: Tell = () => {}): Scene => ({
  ...settings,
  ...createCostMeter(settings.pids),
  progress,
  scaled: (count) => Math.max(1, Math.ceil(count * settings.scale)),
})
