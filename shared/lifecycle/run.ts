import process from 'node:process'
import { describe, Unavailable } from '../failure/index.ts'
import { createResources, type Resources, type Stoppable } from './resources.ts'

interface Lines {
  info(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

export interface RunOptions {
  /** Starts the program: acquires on the stack it is given, or returns something to stop. `signal` aborts when stopping begins. */
  start(resources: Resources, signal: AbortSignal): Promise<Stoppable | undefined>
  log: Lines
  /** How long stopping may take before the process is ended hard; 10 000 ms when not said. */
  timeoutMs?: number
}

/** 0 stopped as asked, 1 failed, 69 a dependency is unavailable, or what the error itself says (`exitCode`). */
const exitCodeOf = (error: unknown): number => {
  if (error instanceof Unavailable) return 69
  const own = (error as { exitCode?: unknown } | null)?.exitCode
  return typeof own === 'number' ? own : 1
}

/**
 * Runs a program until SIGTERM or SIGINT, stops it in reverse, and ends the process: 0 when all stopped in time, 1 when not, or when
 * something failed that nobody caught. A second signal ends it at once. Never returns.
 */
export const runUntilStopped = async (options: RunOptions): Promise<never> => {
  const { start, log, timeoutMs = 10_000 } = options
  const resources = createResources((name) => log.info({ part: name }, 'stopping'))
  const stopping = new AbortController()

  const end = async (code: number): Promise<never> => {
    const overdue = setTimeout(() => {
      log.error({ timeoutMs }, 'stopping took too long; ending the process')
      process.exit(1)
    }, timeoutMs)
    stopping.abort()
    try {
      await started
      await resources.stop()
    } catch (error) {
      log.error({ err: error }, `stopping failed: ${describe(error)}`)
      code ||= 1
    }
    clearTimeout(overdue)
    process.exit(code)
  }

  for (const name of ['SIGTERM', 'SIGINT']) {
    process.on(name, () => {
      if (stopping.signal.aborted) {
        log.error({ signal: name }, 'second signal; ending the process at once')
        process.exit(1)
      }
      log.info({ signal: name }, 'stopping')
      void end(0)
    })
  }
  const crash = (what: string) => (error: unknown) => {
    log.error({ err: error, fatal: true }, `${what}: ${describe(error)}`)
    process.exit(1)
  }
  process.on('uncaughtException', crash('nobody caught an exception'))
  process.on('unhandledRejection', crash('nobody caught a rejection'))

  const started = begin(start, resources, stopping.signal)
  const failure = await started
  if (failure !== undefined && !stopping.signal.aborted) {
    log.error({ err: failure.error }, `could not start: ${describe(failure.error)}`)
    await end(exitCodeOf(failure.error))
  }
  return new Promise(() => {})
}

const begin = async (start: RunOptions['start'], resources: Resources, signal: AbortSignal) => {
  try {
    const running = await start(resources, signal)
    if (running !== undefined) resources.add('program', () => running.stop())
    return undefined
  } catch (error) {
    return { error }
  }
}
