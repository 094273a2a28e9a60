import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServiceName } from '../../shared/contracts/index.ts'
import { type Daemon, projectRoot, startDaemon } from '../infra/index.ts'

export interface ServiceUnderTest {
  url: string
  readonly pid: number
  /** Starts it (again) and waits until it is ready. Throws with the end of its log when it does not get ready. */
  start(): Promise<void>
  kill(): Promise<void>
  stop(): Promise<void>
  pause(): void
  resume(): void
}

const readyWithinMs = 60_000
const stopWithinMs = 15_000
const logTail = 6

/** One service as a process of its own, on a port of its own that it keeps over restarts. */
export const createServiceUnderTest = (options: {
  name: ServiceName
  port: number
  env: Record<string, string>
  logFile: string
  nodeOptions?: readonly string[]
}): ServiceUnderTest => {
  const { name, port, env, logFile, nodeOptions = [] } = options
  const url = `http://127.0.0.1:${port}`
  let daemon: Daemon | undefined

  const start = async () => {
    daemon = startDaemon({
      command: process.execPath,
      args: [...nodeOptions, '--import', 'tsx', `services/${name}/main.ts`],
      cwd: projectRoot,
      env: { ...env, PORT: String(port) },
      logFile,
    })
    const deadline = performance.now() + readyWithinMs
    while (daemon.isRunning() && performance.now() < deadline) {
      if (await isReady(url)) return
      await pause(50)
    }
    const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-logTail).join('\n')
    throw new Error(`the ${name} service did not get ready; the end of ${logFile}:\n${tail}`)
  }
  const end = async (signal: NodeJS.Signals) => {
    await daemon?.stop(signal, stopWithinMs)
  }
  return {
    url,
    get pid() {
      return daemon?.pid ?? -1
    },
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    pause: () => daemon?.signal('SIGSTOP'),
    resume: () => daemon?.signal('SIGCONT'),
  }
}

const isReady = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
  await answer?.arrayBuffer()
  return answer?.ok === true
}
