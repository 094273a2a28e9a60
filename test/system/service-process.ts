import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { projectRoot } from '../../scripts/infra/index.ts'
import type { ServiceName } from '../../shared/contracts/index.ts'
import { eventually, standstill } from '../../shared/testing/index.ts'
import { type Answer, type Call, createCall } from './http-client.ts'

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
}

/** One program of a service as a real process. It can be started again after its end, on the same port. */
export interface ServiceProcess {
  name: ServiceName
  /** Of the HTTP door; a relay has none. */
  url: string
  call: Call
  get: <Body = Record<string, unknown>>(
    path: string,
    headers?: Record<string, string>,
  ) => Promise<Answer<Body>>
  post: <Body = Record<string, unknown>>(
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer<Body>>
  readonly pid: number
  isRunning(): boolean
  /** Starts it and does not wait; `env` counts for this start only. */
  spawn(env?: Record<string, string>): void
  /** Resolves when /readyz is 200 (a relay: when it leads or stands by); rejects when the process ends before. */
  ready(withinMs?: number): Promise<void>
  start(env?: Record<string, string>): Promise<void>
  /** Sends a signal; for SIGKILL resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Asks it to stop and resolves with how it ended, and how long that took. */
  stop(signal?: NodeJS.Signals): Promise<Ending & { ms: number }>
  /** Kills it if it still runs, and starts it again. */
  restart(env?: Record<string, string>): Promise<void>
  /** Resolves when it stands still. */
  pause(): Promise<void>
  resume(): void
  /** Resolves when it ended by itself or by a signal. */
  gone(withinMs?: number): Promise<Ending>
  /** Every line it wrote, over all its starts. */
  lines: readonly string[]
}

export interface ProcessOptions {
  name: ServiceName
  program: 'main' | 'relay'
  port: number
  env: Record<string, string>
}

const readyMs = 45_000
const stopMs = 15_000

export const createServiceProcess = ({ name, program, port, env }: ProcessOptions): ServiceProcess => {
  const url = `http://127.0.0.1:${port}`
  const call = createCall(url)
  const lines: string[] = []
  let child: ChildProcess | undefined
  let ended: Promise<Ending> | undefined
  let from = 0

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null
  const signal = (which: NodeJS.Signals) => {
    if (isRunning()) child?.kill(which)
  }

  const start = (more: Record<string, string> = {}) => {
    if (isRunning()) throw new Error(`${name} runs already`)
    from = lines.length
    const started = spawn(process.execPath, ['--import', 'tsx', `services/${name}/${program}.ts`], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, PORT: String(port), ...more },
    })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line))
    }
    const bury = () => started.kill('SIGKILL')
    process.once('exit', bury)
    ended = once(started, 'exit').then(([code, by]) => {
      process.removeListener('exit', bury)
      return { code: code as number | null, signal: by as NodeJS.Signals | null }
    })
  }

  const isReady = async () => {
    if (program === 'relay') return lines.slice(from).some((line) => /"state":"(leading|standby)"/.test(line))
    return (await call('GET', '/readyz')).status === 200
  }

  const ready = async (withinMs = readyMs) => {
    await eventually(async () => !isRunning() || (await isReady()), { withinMs, everyMs: 50 })
    if (!isRunning())
      throw new Error(`${name} ended instead of getting ready:\n${lines.slice(-10).join('\n')}`)
  }

  const gone = async (withinMs = stopMs): Promise<Ending> => {
    await eventually(() => !isRunning(), { withinMs })
    return ended ?? { code: null, signal: null }
  }

  const kill = async (which: NodeJS.Signals = 'SIGKILL') => {
    signal(which)
    if (which === 'SIGKILL') await gone()
  }

  return {
    name,
    url,
    call,
    get: (path, headers) => call('GET', path, undefined, headers),
    post: (path, body, headers) => call('POST', path, body, headers),
    get pid() {
      return child?.pid ?? 0
    },
    isRunning,
    spawn: start,
    ready,
    async start(more) {
      start(more)
      await ready()
    },
    kill,
    async stop(which = 'SIGTERM') {
      const began = performance.now()
      signal(which)
      return { ...(await gone()), ms: performance.now() - began }
    },
    async restart(more) {
      await kill()
      start(more)
      await ready()
    },
    async pause() {
      signal('SIGSTOP')
      await standstill(child?.pid ?? 0)
    },
    resume: () => signal('SIGCONT'),
    gone,
    lines,
  }
}
