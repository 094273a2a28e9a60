import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { startGuard } from './guard.ts'

export interface DaemonOptions {
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Both are set when we are root and the server refuses to be. */
  uid?: number | undefined
  gid?: number | undefined
  /** What the server prints is appended here. */
  logFile: string
}

export interface Daemon {
  readonly pid: number
  isRunning(): boolean
  signal(name: NodeJS.Signals): void
  /** Asks with `name`, insists with SIGKILL after `withinMs`; resolves when the process is gone. */
  stop(name: NodeJS.Signals, withinMs: number): Promise<void>
  /** The end of the log file, to say why a server did not come up. */
  lastLines(): string
}

/**
 * A server process in a group of its own, so that Ctrl-C on the terminal does not reach it before we stop it in order.
 * It does not outlive us: a guard kills the group when this process is gone, however that came about.
 */
export function startDaemon(options: DaemonOptions): Daemon {
  const { command, args, logFile, uid, gid } = options
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: options.env,
    cwd: options.cwd,
    ...(uid === undefined ? {} : { uid, gid }),
  })
  closeSync(log)
  const gone = once(child, 'exit').catch(() => {})
  const pid = child.pid
  if (pid === undefined) throw new Error(`${command} can't be started`)
  const guard = startGuard(pid)
  void gone.then(() => guard.kill('SIGKILL'))
  child.unref()
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const signal = (name: NodeJS.Signals): void => {
    if (isRunning()) signalGroup(pid, name)
  }
  return {
    pid,
    isRunning,
    signal,
    stop: async (name, withinMs) => {
      if (!isRunning()) return
      child.ref()
      signal('SIGCONT')
      signal(name)
      const limit = new AbortController()
      const inTime = await Promise.race([
        gone.then(() => true),
        pause(withinMs, false, { signal: limit.signal }).catch(() => false),
      ])
      limit.abort()
      if (!inTime) signal('SIGKILL')
      await gone
    },
    lastLines: () =>
      stripVTControlCharacters(readFileSync(logFile, 'utf8')).trim().split('\n').slice(-5).join('\n'),
  }
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
