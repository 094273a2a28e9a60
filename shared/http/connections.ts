import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Which connections have a request in progress and which are idle, the longest idle first. Beyond `maxIdle` the oldest idle one is
 * closed, so that idle clients can't keep others out.
 */
export const watchConnections = (server: Server, maxIdle: number) => {
  const inProgress = new Map<Socket, number>()
  const idle = new Set<Socket>()
  let whenQuiet: (() => void) | undefined

  const rest = (socket: Socket) => {
    idle.add(socket)
    const [oldest] = idle
    if (idle.size > maxIdle) {
      if (oldest !== undefined) idle.delete(oldest)
      oldest?.destroy()
    }
  }
  server.on('connection', (socket: Socket) => {
    rest(socket)
    socket.once('close', () => {
      idle.delete(socket)
      inProgress.delete(socket)
      if (inProgress.size === 0) whenQuiet?.()
    })
  })

  return {
    /** A request began on this connection; call what is returned when its answer is over. */
    begin: (socket: Socket): (() => void) => {
      idle.delete(socket)
      inProgress.set(socket, (inProgress.get(socket) ?? 0) + 1)
      return () => {
        const left = (inProgress.get(socket) ?? 1) - 1
        if (left > 0) inProgress.set(socket, left)
        else inProgress.delete(socket)
        if (left <= 0 && !socket.destroyed) rest(socket)
        if (inProgress.size === 0) whenQuiet?.()
      }
    },
    isBusy: (socket: Socket) => inProgress.has(socket),
    /** Resolves when no request is in progress. */
    quiet: (): Promise<void> =>
      new Promise((resolve) => {
        whenQuiet = resolve
        if (inProgress.size === 0) resolve()
      }),
    closeIdle: () => {
      for (const socket of idle) socket.destroy()
    },
  }
}

/** Reads on and discards for so long, so that a client that is still sending gets to its answer, then closes. */
export const lingerThenClose = (socket: Socket, ms: number): void => {
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), ms)
  socket.once('close', () => clearTimeout(timer))
}
