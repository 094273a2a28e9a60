import { join } from 'node:path'
import { onPath } from './binaries.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { freePort } from './ports.ts'

export interface NameServer {
  port: number
  /** Does nothing when it runs. */
  start(): void
  stop(): Promise<void>
}

/** Erlang's name server. A node starts one when there is none, and leaves it behind; so we start ours, to stop it too. */
export async function ownNames(dataDir: string): Promise<NameServer> {
  const port = await freePort()
  const command = onPath('epmd')
  const args = ['-address', '127.0.0.1', '-port', String(port)]
  let running: Daemon | undefined
  return {
    port,
    start: () => {
      if (command !== undefined)
        running ??= startDaemon({ command, args, logFile: join(dataDir, 'epmd.log') })
    },
    stop: async () => {
      await running?.stop('SIGKILL', 5_000)
      running = undefined
    },
  }
}
