import { setTimeout as pause } from 'node:timers/promises'
import { describe } from '../failure/index.ts'

/**
 * Waits until `probe` holds: it neither throws nor answers false, undefined or null. Answers what it answered last.
 * Throws after `withinMs` (default 30 s: a busy machine is no failure) with what the last look saw.
 */
export async function eventually<Result>(
  probe: () => Result | Promise<Result>,
  { withinMs = 30_000, everyMs = 20 }: { withinMs?: number; everyMs?: number } = {},
): Promise<Seen<Result>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const look = await lookAt(probe)
    if ('seen' in look) return look.seen
    if (performance.now() >= deadline) {
      throw new Error(`not within ${withinMs} ms: ${look.missing}`, { cause: look.cause })
    }
    await pause(everyMs)
  }
}

type Seen<Result> = Exclude<Result, false | undefined | null>
type Look<Result> = { seen: Seen<Result> } | { missing: string; cause?: unknown }

async function lookAt<Result>(probe: () => Result | Promise<Result>): Promise<Look<Result>> {
  try {
    const seen = await probe()
    if (seen === false || seen === undefined || seen === null)
      return { missing: `the probe answered ${seen}` }
    return { seen: seen as Seen<Result> }
  } catch (cause) {
    return { missing: describe(cause), cause }
  }
}
