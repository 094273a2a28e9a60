import type { CrashPoint } from './observer.ts'
import { filterFromJson } from './replay-filter.ts'
import { pagesOf } from './replay-rows.ts'
import { noteEnd, noteProgress, type ReplayRun } from './replay-runs.ts'
import { createSender } from './replay-send.ts'
import type { Sql } from './sql.ts'
import type { RelayTransport } from './transport.ts'

export interface ReplayOptions {
  /** A session of its own. */
  sql: Sql
  run: ReplayRun
  transport: RelayTransport
  ratePerSecond: number
  signal: AbortSignal
  /** So many rows of the run are confirmed, earlier tries included. */
  onProgress?: (sent: number) => void
  crashPoint?: CrashPoint
}

/** A killed run repeats at most what it sent in this time, and what was in flight. */
const noteEveryMs = 250

/** Each event says which replay brought it. */
export const replayHeader = 'x-replay'

const marked = (transport: RelayTransport, runId: string): RelayTransport => ({
  publish: (row) => transport.publish({ ...row, headers: { ...row.headers, [replayHeader]: runId } }),
  ready: (signal) => transport.ready(signal),
})

/**
 * Sends the rows of a run that are not yet known to be confirmed, in id order, and keeps how far it came; resolves to whether it
 * came to the end (false: the signal ended it). Killed at any point it can be called again: nothing is left out, little is repeated.
 */
export const replay = async (options: ReplayOptions): Promise<boolean> => {
  const { sql, run, ratePerSecond, signal, onProgress = () => {}, crashPoint } = options
  let lastId = run.lastId
  let sent = run.sent
  let notedAt = performance.now()
  const note = async () => {
    notedAt = performance.now()
    if (sent > run.sent) await crashPoint?.('replay.afterPublish')
    await noteProgress(sql, run.id, lastId, sent)
  }
  const sender = createSender({
    transport: marked(options.transport, run.id),
    ratePerSecond,
    signal,
    onConfirmed(last, count) {
      lastId = last
      sent = run.sent + count
      onProgress(sent)
    },
  })
  try {
    const bounds = { asOf: run.startedAt, throughId: run.throughId, afterId: run.lastId, pageSize: 500 }
    for await (const page of pagesOf(sql, filterFromJson(run.filter), bounds)) {
      await crashPoint?.('replay.afterSelect')
      for (const row of page) {
        await sender.send([row])
        await crashPoint?.('replay.midBatch')
        if (sender.isStopped()) break
        if (performance.now() - notedAt > noteEveryMs) await note()
      }
      if (sender.isStopped()) break
    }
    await sender.settle()
    await note()
    await noteEnd(sql, run.id, signal.aborted ? 'interrupted' : null)
    return !signal.aborted
  } catch (error) {
    await sender.giveUp()
    await note().catch(() => {})
    await noteEnd(sql, run.id, error instanceof Error ? error.message : String(error)).catch(() => {})
    throw error
  }
}
