import { createBatch } from '../batch/index.ts'
import { describe, Refused } from '../failure/index.ts'
import type { FaultPoint } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import { type consume, type Outcome, parseEnvelope } from '../messaging/index.ts'
import { type Act, type Acted, type Ask, passPoint } from './act.ts'
import { type ReceptionOptions, receive } from './reception.ts'
import { untilAvailable } from './until-available.ts'

type Handle = Parameters<typeof consume>[1]['handle']

export interface ListenOptions extends ReceptionOptions {
  act: Act<unknown>
  /** The inbox's consumer name. */
  door: string
  maxBatch: number
  /** The consumer's broker user: its own retry copies are believed. */
  ownUser: string
  fault: FaultPoint
  log: Log
  observer: {
    batch(size: number, seconds: number): void
    duplicate(): void
  }
  /** Aborts when the service stops: a batch that waits for the database is then left to be delivered again. */
  signal: AbortSignal
}

/** How a message of the event queue is handled: parsed, batched with what else is waiting, and settled after the commit. */
export const createListener = (options: ListenOptions): Handle => {
  const { door, fault, observer, maxBatch, ownUser, signal } = options
  const batched = createBatch<Ask, Acted<unknown>>({
    max: maxBatch,
    run: (asks) => timed(asks, options),
  })

  return async (message): Promise<Outcome> => {
    const parsed = parseEnvelope(message, ownUser)
    if (!parsed.ok) return { kind: 'dead-letter', code: parsed.code, reason: parsed.reason }
    const received = receive(parsed.envelope, options)
    if (received.kind === 'ignore') return { kind: 'ack' }
    if (received.kind === 'refuse')
      return { kind: 'dead-letter', code: received.code, reason: received.reason }
    await passPoint(fault, door, [received.ask], 'received')
    const acted = await batched(received.ask).catch(leaveWhenStopping(signal))
    if (acted === undefined) return { kind: 'leave' }
    if (acted.kind === 'duplicate') observer.duplicate()
    await passPoint(fault, door, [received.ask], 'afterCommit')
    return outcomeOf(acted)
  }
}

/** What can't be done because the service stops is left for the next one. */
const leaveWhenStopping = (signal: AbortSignal) => (error: unknown) => {
  if (signal.aborted) return undefined
  throw error
}

const outcomeOf = (acted: Acted<unknown>): Outcome =>
  acted.kind === 'failed' ? outcomeOfError(acted.error) : { kind: 'ack' }

/** A refusal can't be mended by trying again; anything else may be. */
export const outcomeOfError = (error: unknown): Outcome =>
  error instanceof Refused
    ? { kind: 'dead-letter', code: error.code, reason: error.message }
    : { kind: 'retry', reason: describe(error) }

const timed = async (
  asks: readonly Ask[],
  { act, door, log, observer, signal }: ListenOptions,
): Promise<readonly Acted<unknown>[]> => {
  const waiting = (attempt: number, reason: string) =>
    log.warn({ door, attempt, size: asks.length, reason }, 'a batch waits for the database')
  const attempt = async () => {
    const begun = performance.now()
    const acted = await act(asks)
    observer.batch(asks.length, (performance.now() - begun) / 1000)
    return acted
  }
  return untilAvailable(attempt, { signal, waiting })
}
