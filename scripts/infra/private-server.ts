import { setTimeout as pause } from 'node:timers/promises'
import { Unavailable } from '../../shared/failure/index.ts'
import type { Daemon } from './daemon.ts'

/** A server of our own, started from binaries on this machine. Restarting keeps its data and its port. */
export interface PrivateServer {
  url: string
  readonly pid: number
  /** Sends a signal at once; resolves when the process is gone if the signal is one that ends it (SIGKILL). */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Stops it in good order; resolves when it is gone. */
  stop(): Promise<void>
  /** Stops it in good order if it still runs, starts it again, and waits until it answers. */
  restart(): Promise<void>
}

export interface ServerKind {
  name: string
  url: string
  start(): Daemon
  /** Undefined when it answers. */
  whyNot(url: string): Promise<string | undefined>
  stopSignal: NodeJS.Signals
  startTimeoutMs: number
  /** A process that runs and does not answer after this long is ended and started again, once. */
  hungAfterMs?: number
  /** Called when the server is gone, also when it did not come up. */
  afterStop?(): Promise<void>
}

const stopTimeoutMs = 20_000

/** Starts a server of that kind and waits until it answers. Throws Unavailable with the end of its log when it does not. */
export async function startPrivateServer(kind: ServerKind): Promise<PrivateServer> {
  const start = (): Promise<Daemon> =>
    startAndWait(kind).catch(async (error) => {
      await kind.afterStop?.()
      throw error
    })
  let daemon = await start()
  const stop = async (): Promise<void> => {
    await daemon.stop(kind.stopSignal, stopTimeoutMs)
    await kind.afterStop?.()
  }
  return {
    url: kind.url,
    get pid() {
      return daemon.pid
    },
    kill: async (signal = 'SIGKILL') => {
      if (signal === 'SIGKILL') await daemon.stop('SIGKILL', stopTimeoutMs)
      else daemon.signal(signal)
    },
    stop,
    restart: async () => {
      await stop()
      daemon = await start()
    },
  }
}

async function startAndWait(kind: ServerKind): Promise<Daemon> {
  const { hungAfterMs = Number.POSITIVE_INFINITY } = kind
  const began = performance.now()
  let mayHang = true
  let daemon = kind.start()
  for (;;) {
    const reason = await kind.whyNot(kind.url)
    if (reason === undefined && daemon.isRunning()) return daemon
    const took = performance.now() - began
    if (took > kind.startTimeoutMs) {
      await daemon.stop('SIGKILL', stopTimeoutMs)
      throw new Unavailable(`${kind.name} did not come up: ${reason}\n${daemon.lastLines()}`, {
        code: 'infra.not_started',
      })
    }
    if (took > hungAfterMs && mayHang) {
      mayHang = false
      await daemon.stop('SIGKILL', stopTimeoutMs)
    }
    await pause(100)
    // After a kill -9 the data are still held for a moment by what is left of the old server: try again until the deadline.
    if (!daemon.isRunning()) {
      await pause(400)
      daemon = kind.start()
    }
  }
}
