import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Limits } from './limits.ts'

/** How many connections may be without a request, and how long a new one counts as none of them. */
export interface IdleLimits {
  idleConnections: number
  newConnections: number
  greetingMs: number
}

/**
 * Which connections have a request in progress and which are idle, the longest idle first. Beyond `idleConnections` the oldest idle one
 * is closed, so that idle clients can't keep others out. A new one is idle once it has said nothing for `greetingMs`: when many come at
 * once all are accepted before the first is read, and each has its request on the way.
 */
export const watchConnections = (
  server: Server,
  { idleConnections, newConnections, greetingMs }: IdleLimits,
) => {
  const inProgress = new Map<Socket, number>()
  const idle = new Set<Socket>()
  const fresh = new Map<Socket, NodeJS.Timeout>()
  let whenQuiet: (() => void) | undefined

  const grown = (socket: Socket) => {
    clearTimeout(fresh.get(socket))
    fresh.delete(socket)
  }
  const rest = (socket: Socket) => {
    grown(socket)
    idle.add(socket)
    const [oldest] = idle
    if (idle.size > idleConnections) {
      if (oldest !== undefined) idle.delete(oldest)
      oldest?.destroy()
    }
  }
  server.on('connection', (socket: Socket) => {
    fresh.set(socket, setTimeout(rest, greetingMs, socket))
    if (fresh.size > newConnections) rest(fresh.keys().next().value as Socket)
    socket.once('close', () => {
      grown(socket)
      idle.delete(socket)
      inProgress.delete(socket)
      if (inProgress.size === 0) whenQuiet?.()
    })
  })

  return {
    /** A request began on this connection; call what is returned when its answer is over. */
    begin: (socket: Socket): (() => void) => {
      grown(socket)
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
      for (const socket of [...fresh.keys(), ...idle]) socket.destroy()
    },
  }
}

/** How often the discarded bytes are counted: a listener for the data itself would disturb the parser. */
const lookMs = 100

/**
 * Reads and discards what a client still sends, so that it gets to its answer; closes after `ms`, or soon after `bytes` came. Call what
 * is returned when it need not be closed any more.
 */
export const lingerThenClose = (socket: Socket, ms: number, bytes: number): (() => void) => {
  const most = socket.bytesRead + bytes
  const tooMuch = setInterval(() => socket.bytesRead > most && socket.destroy(), lookMs)
  const tooLong = setTimeout(() => socket.destroy(), ms)
  const over = () => {
    clearInterval(tooMuch)
    clearTimeout(tooLong)
    socket.off('close', over)
  }
  socket.once('close', over)
  socket.resume()
  return over
}

/**
 * A body that was answered before it was read is still read, for the time a whole request may take, so that the client gets to its
 * answer; then comes its next request, unless it wanted the connection closed.
 */
export const discardRest = (
  request: IncomingMessage,
  { stays, discarding, limits }: { stays: boolean; discarding: WeakSet<Socket>; limits: Limits },
): void => {
  const { socket } = request
  if (request.complete || socket.destroyed) return
  discarding.add(socket)
  const over = lingerThenClose(socket, limits.receiveMs, limits.discardBytes)
  request.once('end', () => {
    discarding.delete(socket)
    over()
    if (!stays) socket.end()
  })
  request.resume()
}
