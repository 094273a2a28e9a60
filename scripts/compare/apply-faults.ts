import { setTimeout as pause } from 'node:timers/promises'
import { describe } from '../../shared/failure/index.ts'
import { type FaultProfile, type FaultStep, type TargetName, windowOf } from './faults.ts'

/** What a fault needs of the thing it is done to. */
export interface Target {
  /** Ends it at once, without a chance to tidy up; resolves when it is gone. */
  kill(): Promise<void>
  /** Ends it in good order; resolves when it is gone. */
  stop(): Promise<void>
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>
  pause(): void
  resume(): void
  /** From now on every answer of its database comes that much later; 0 ends it. */
  slow(delayMs: number): void
}

/** What was done and when, milliseconds after the workload's start; it ends when the target answered again. */
export interface FaultWindow {
  action: FaultStep['action']
  target: TargetName
  fromMs: number
  toMs: number
}

/** Does the steps of a profile at their moments of the workload. Resolves when everything runs again, and says when what was. */
export const applyFaults = async (options: {
  profile: FaultProfile
  durationMs: number
  targets: Record<TargetName, Target>
  /** Milliseconds since the workload's start. */
  sinceStart: () => number
  wait?: (ms: number) => Promise<unknown>
}): Promise<FaultWindow[]> => {
  const { profile, durationMs, targets, sinceStart, wait = pause } = options
  const until = async (ms: number) => {
    const waitMs = ms - sinceStart()
    if (waitMs > 0) await wait(waitMs)
  }
  const apply = async (step: FaultStep): Promise<FaultWindow> => {
    const { fromMs, forMs } = windowOf(step, durationMs)
    const target = targets[step.target]
    await until(fromMs)
    const began = sinceStart()
    await begin(step, target)
    await until(fromMs + forMs)
    await end(step, target)
    return {
      action: step.action,
      target: step.target,
      fromMs: Math.round(began),
      toMs: Math.round(sinceStart()),
    }
  }
  const done = await Promise.allSettled(profile.steps.map(apply))
  const failed = done.filter((one): one is PromiseRejectedResult => one.status === 'rejected')
  if (failed.length > 0) {
    throw new Error(
      `a fault could not be done or undone: ${failed.map((one) => describe(one.reason)).join('; ')}`,
    )
  }
  return done.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

const begin = async (step: FaultStep, target: Target): Promise<void> => {
  switch (step.action) {
    case 'kill':
      return target.kill()
    case 'restart':
      return target.stop()
    case 'pause':
      return target.pause()
    case 'slow':
      return target.slow(step.delayMs ?? 0)
  }
}

const end = async (step: FaultStep, target: Target): Promise<void> => {
  switch (step.action) {
    case 'kill':
    case 'restart':
      return target.start()
    case 'pause':
      return target.resume()
    case 'slow':
      return target.slow(0)
  }
}
