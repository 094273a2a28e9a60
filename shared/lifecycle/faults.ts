import { writeSync } from 'node:fs'
import process from 'node:process'

/** What to do at the nth pass of a named point. */
export interface Fault {
  name: string
  kind: 'kill' | 'throw' | 'stop' | 'sleep'
  /** How long a `sleep` lasts, in milliseconds. */
  ms: number
  /** Counted from 1; the other passes go through. */
  nth: number
}

/** Code passes a point by `await fault('relay.afterConfirm')`; in production nothing happens there. */
export type FaultPoint = (name: string) => Promise<void>

/** Thrown at a point of kind `throw`. */
export class FaultThrown extends Error {
  readonly code = 'fault.thrown'
}

const done = Promise.resolve()

/** The points of a process that has no faults planned: one shared function and one shared promise. */
export const noFaults: FaultPoint = () => done

/** Named crash points: kill and stop send SIGKILL and SIGSTOP to this process. Each hit writes one line to stderr. */
export const createFaults = (faults: readonly Fault[] = []): FaultPoint => {
  if (faults.length === 0) return noFaults
  const passes = new Map<string, number>()
  return async (name) => {
    const pass = (passes.get(name) ?? 0) + 1
    passes.set(name, pass)
    const due = faults.find((fault) => fault.name === name && fault.nth === pass)
    if (due === undefined) return
    writeSync(2, `fault: ${name} ${due.kind} at pass ${pass}\n`)
    await strike(due)
  }
}

const strike = async ({ name, kind, ms }: Fault): Promise<void> => {
  switch (kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return new Promise(() => {})
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      return
    case 'sleep':
      return new Promise((resolve) => setTimeout(resolve, ms))
    case 'throw':
      throw new FaultThrown(`fault planned at ${name}`)
  }
}
