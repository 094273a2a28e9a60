import { setTimeout as pause } from 'node:timers/promises'
import { fullJitterMs } from './backoff.ts'
import { type ClaimedRow, largestPayloadBytes } from './claim.ts'
import type { Lanes } from './lanes.ts'
import type { CrashPoint, RelayObserver } from './observer.ts'
import type { PublishOutcome, RelayTransport } from './transport.ts'

export interface PublishingOptions {
  transport: RelayTransport
  lanes: Lanes
  observer: RelayObserver
  crashPoint: CrashPoint | undefined
  onConfirmed: (row: ClaimedRow) => void
  /** More may be claimed of an aggregate that had too many rows in memory. */
  onRoom: () => void
  onRefused: (row: ClaimedRow, reason: string) => void
  /** After every outcome, and when publishing can go on after a pause. */
  onChange: () => void
}

const again = { firstMs: 100, capMs: 5000 }

/**
 * Keeps the lanes flying: publishes whatever may go, and pauses while the transport is not ready. What comes back
 * unknown is published again once it is, with growing pauses as long as nothing at all is confirmed.
 */
export const createPublishing = (options: PublishingOptions) => {
  const { transport, lanes, observer, crashPoint } = options
  const ended = new AbortController()
  let accepting = true
  let waiting = false
  let failuresInARow = 0
  /** When publishing last began to fail; undefined once the broker has answered since. */
  let failingSince: number | undefined

  const publish = async (row: ClaimedRow): Promise<PublishOutcome> => {
    if (row.isTooLarge)
      return { kind: 'refused', reason: `the payload is larger than ${largestPayloadBytes} bytes` }
    try {
      const outcome = transport.publish(row)
      if (crashPoint === undefined) return await outcome
      const [settled] = await Promise.all([outcome, crashPoint('relay.afterPublish')])
      if (settled.kind === 'confirmed') await crashPoint('relay.afterConfirm')
      return settled
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) }
    }
  }

  const settle = (row: ClaimedRow, outcome: PublishOutcome) => {
    if (outcome.kind !== 'unknown') failingSince = undefined
    if (outcome.kind === 'confirmed') {
      failuresInARow = 0
      if (lanes.confirmed(row)) options.onRoom()
      options.onConfirmed(row)
    } else if (outcome.kind === 'refused') {
      lanes.refused(row)
      options.onRefused(row, outcome.reason)
    } else {
      observer.unknown?.(row, outcome.reason)
      if (lanes.unknown(row) === 'refused') options.onRefused(row, outcome.reason)
      void awaitTransport()
    }
  }

  const send = async (row: ClaimedRow) => {
    const outcome = await publish(row)
    if (ended.signal.aborted) return
    settle(row, outcome)
    pump()
    options.onChange()
  }

  const pump = () => {
    while (accepting && !waiting && !ended.signal.aborted) {
      const row = lanes.takeNext()
      if (row === undefined) return
      void send(row)
    }
  }

  const awaitTransport = async () => {
    if (waiting) return
    waiting = true
    failingSince ??= performance.now()
    for (let isReady = false; !isReady && !ended.signal.aborted; ) {
      try {
        const delayMs = failuresInARow > 1 ? fullJitterMs(failuresInARow - 2, again.firstMs, again.capMs) : 0
        if (delayMs > 0) await pause(delayMs, undefined, { signal: ended.signal })
        failuresInARow += 1
        await transport.ready(ended.signal)
        isReady = true
      } catch (error) {
        if (!ended.signal.aborted) observer.error?.(error)
      }
    }
    waiting = false
    pump()
    // Ready, and nothing there to prove it by.
    if (lanes.counts().inFlight === 0) failingSince = undefined
    options.onChange()
  }

  return {
    start: () => void awaitTransport(),
    pump,
    isReady: () => !waiting,
    /** How long nothing has got out, by what was tried: 0 while the broker answers. */
    failingForMs: () => (failingSince === undefined ? 0 : performance.now() - failingSince),
    /** Nothing more takes off; what is in flight may still land. */
    finish: () => {
      accepting = false
    },
    /** Whatever lands from now on is nobody's business any more. */
    abandon: () => ended.abort(),
  }
}

export type Publishing = ReturnType<typeof createPublishing>
