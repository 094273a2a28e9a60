import { setTimeout as pause } from 'node:timers/promises'
import type { Bell } from './bell.ts'
import { claimBytes, createClaim } from './claim.ts'
import { createLanding } from './landing.ts'
import { createLanes } from './lanes.ts'
import type { CrashPoint, RelayObserver } from './observer.ts'
import { createPruner } from './prune.ts'
import { createPublishing } from './publishing.ts'
import type { Session } from './session.ts'
import type { RelayTransport } from './transport.ts'

export interface TermOptions {
  transport: RelayTransport
  inFlight: number
  pollMs: number
  leaseMs: number
  maxAttempts: number
  firstRetryMs: number
  retentionHours: number | undefined
  pruneEveryMs: number
  observer: RelayObserver
  crashPoint: CrashPoint | undefined
}

/** Rows in memory, as a multiple of those in flight: some fly, some wait to fly, some wait to be marked. */
const heldPerInFlight = 3
/** What is in memory of payloads, so that large ones do not exhaust it. */
const heldBytes = 64 * 1024 * 1024
/** A claim is worth its round trip when it brings so many, or a third of all that there is room for. */
const worthAClaim = 500
/** Rows of one aggregate in memory: they go one by one, so more would only keep others out. */
const perAggregate = 16
/** Aggregates that wait for their next try, as a multiple of those in flight; each claim has to pass them over. */
const blockedPerInFlight = 30
/** Pause after a statement the server refused, so that a lasting cause is no hot loop. */
const afterErrorMs = 500
/** While there is much to prune, a batch of each table at a time; of the loop's time it takes so small a part at most. */
const pruneShare = 1 / 10

/**
 * One term of leadership, bound to the session that holds the lock. All statements are made by one loop, one at a time;
 * publishing goes on beside it. A term forgets everything at its end: what it did not mark, the next one publishes.
 */
export const createTerm = (session: Session, bell: Bell, options: TermOptions) => {
  const { observer, crashPoint, inFlight } = options
  const { sql } = session
  const memory = { rows: heldPerInFlight * inFlight, bytes: heldBytes, claimBytes }
  const claim = createClaim(sql)
  const lanes = createLanes({ inFlight, memory, perAggregate, blocked: blockedPerInFlight * inFlight })
  const landing = createLanding({ ...options, sql, lanes })
  const { retentionHours } = options
  const pruner =
    retentionHours === undefined ? undefined : createPruner(sql, { retentionHours, maxBatches: 1 })
  let finishing = false
  /** Whether a claim may find something. */
  let wanted = true
  let pollAt = 0
  let pruneAt = performance.now() + Math.random() * options.pruneEveryMs

  const want = () => {
    wanted = true
    bell.ring()
  }
  const publishing = createPublishing({
    transport: options.transport,
    lanes,
    observer,
    crashPoint,
    onConfirmed: landing.confirmed,
    onRefused: landing.refused,
    onRoom: want,
    onChange: bell.ring,
  })

  const mayClaim = () => {
    const room = lanes.room()
    const enough = Math.min(inFlight, worthAClaim, lanes.capacity() / heldPerInFlight)
    const isWorthIt = room >= enough || (room > 0 && lanes.counts().held === 0)
    return wanted && !finishing && publishing.isReady() && isWorthIt
  }

  const claimMore = async () => {
    if (!mayClaim()) return
    wanted = false
    // As many as there is room for: a mark may have freed more than fly, and while it is made nothing else is claimed.
    const limit = lanes.room()
    const { rows, isFull } = await claim({
      heldIds: lanes.heldIds(),
      skippedAggregates: lanes.skipped(),
      limit,
    }).catch((error) => {
      lanes.claimFailed()
      throw error
    })
    if (rows.length > 0) await crashPoint?.('relay.afterClaim')
    const free = landing.claimed(rows)
    if (isFull && free.length > 0) wanted = true
    lanes.accept(free)
    publishing.pump()
  }

  const pruneWhenDue = async () => {
    if (pruner === undefined || performance.now() < pruneAt) return
    const began = performance.now()
    pruneAt = began + options.pruneEveryMs
    if (finishing) return
    const { outbox, inbox, isCutShort } = await pruner.round()
    if (isCutShort) pruneAt = Math.min(pruneAt, began + (performance.now() - began) / pruneShare)
    if (outbox + inbox > 0) observer.pruned?.(outbox + inbox)
  }

  const keepLease = async () => {
    if (session.silentForMs() >= options.leaseMs / 3) await sql.$executeRawUnsafe('select 1')
  }

  /** What fails here is made again by itself, and the rest of the step goes on. */
  const attempt = async <Result>(write: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await write()
    } catch (error) {
      if (!session.isAlive()) throw error
      observer.error?.(error)
      return undefined
    }
  }

  const step = async () => {
    await attempt(landing.writeRefused)
    await attempt(landing.writeSpent)
    if (await attempt(landing.writeNeighbours)) wanted = true
    if (lanes.openDue(performance.now())) wanted = true
    if (performance.now() >= pollAt) {
      wanted = true
      pollAt = performance.now() + options.pollMs * (0.5 + Math.random() / 2)
    }
    // Claimed before marked: somebody waits for an event, nobody for a mark. While claims fail, marks are made all the same.
    await claimMore().catch(async (error) => {
      if (session.isAlive()) await attempt(landing.writeConfirmed)
      throw error
    })
    await landing.writeConfirmed()
    await attempt(pruneWhenDue)
    await keepLease()
  }

  const restMs = () => {
    if (mayClaim()) return 0
    const due = Math.min(pollAt, landing.nextDue(), lanes.nextDue(), pruner === undefined ? pollAt : pruneAt)
    return Math.min(due - performance.now(), options.leaseMs / 3)
  }
  const isDone = () => finishing && landing.isEmpty() && lanes.counts().inFlight === 0
  const isCutOff = () => !publishing.isReady() && publishing.failingForMs() >= options.leaseMs

  /**
   * Leads until the session is lost, or `finish` was called and everything in flight has landed and is marked, or the broker was out
   * of reach for the lease: then it resolves to true.
   */
  const lead = async (): Promise<boolean> => {
    publishing.start()
    try {
      while (session.isAlive() && !isDone() && !isCutOff()) {
        try {
          await step()
          const ms = restMs()
          if (ms > 0 && !isDone()) await bell.wait(ms)
        } catch (error) {
          observer.error?.(error)
          wanted = true
          if (session.isAlive()) await pause(Math.min(afterErrorMs, options.leaseMs / 3))
        }
      }
      return isCutOff()
    } finally {
      publishing.abandon()
    }
  }

  return {
    lead,
    want,
    /** At once, when leadership is lost: publishes no more. */
    abandon: publishing.abandon,
    finish: () => {
      finishing = true
      publishing.finish()
      bell.ring()
    },
    counts: lanes.counts,
  }
}

export type Term = ReturnType<typeof createTerm>
