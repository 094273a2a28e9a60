export * from './append.ts'
export * from './gauges.ts'
export * from './inbox.ts'
export { createNotifyHint } from './notify.ts'
export type { CrashPoint, RelayObserver, RelayState } from './observer.ts'
export { createPruner, type PruneOptions } from './prune.ts'
export { createRelay, type Relay, type RelayOptions } from './relay.ts'
export { type ReplayOptions, replay, replayHeader } from './replay.ts'
export {
  filterFromJson,
  filterToJson,
  type ReplayBounds,
  type ReplayFilter,
  type ReplayStatus,
} from './replay-filter.ts'
export { type Measured, measure, pagesOf } from './replay-rows.ts'
export {
  claimRun,
  keepRun,
  type NewRun,
  noteEnd,
  noteMatched,
  noteProgress,
  type ReplayRun,
  readRun,
  readRuns,
} from './replay-runs.ts'
export { createSender, ReplayRefused, type SendOptions } from './replay-send.ts'
export type { Sql } from './sql.ts'
export type { OutboxRow, PublishOutcome, RelayTransport } from './transport.ts'
export * from './unpark.ts'
