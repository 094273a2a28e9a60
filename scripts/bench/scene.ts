import { type CostMeter, createCostMeter } from './cost.ts'

/** Where a side runs. Databases and broker names that it makes begin with the namespace; it removes the broker's itself. */
export interface SceneSettings {
  postgresUrl: string
  amqpUrl: string
  namespace: string
  /** Process ids of servers of our own, whose CPU is counted. */
  pids: Readonly<Partial<Record<'postgres' | 'broker', number>>>
  /** 0.1: a tenth of the work. */
  scale: number
  /** Size of an event's payload. */
  bytes: number
}

export interface Scene extends SceneSettings, CostMeter {
  /** So many at this scale, at least one. */
  scaled(count: number): number
}

export const createScene = (settings: SceneSettings): Scene => ({
  ...settings,
  ...createCostMeter(settings.pids),
  scaled: (count) => Math.max(1, Math.ceil(count * settings.scale)),
})
