import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

export interface DelayProxy {
  /** Where it listens, on 127.0.0.1. */
  port: number
  /** From now on whatever goes that way comes so much later, in order; 0 lets it through at once. */
  delay(ms: number): void
  close(): Promise<void>
}

/**
 * A TCP proxy that adds latency one way: to what the client says (`requests`) or to what the server answers (`answers`).
 * Throughput is not limited: many chunks may be under way at once, as on a long line.
 */
export const startDelayProxy = async (
  upstream: { host: string; port: number },
  direction: 'requests' | 'answers',
): Promise<DelayProxy> => {
  let delayMs = 0
  const open = new Set<net.Socket>()
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const remote = net.connect({ ...upstream, noDelay: true, allowHalfOpen: true })
    for (const one of [client, remote]) {
      open.add(one)
      one.on('error', () => one.destroy())
      one.on('close', () => open.delete(one))
    }
    const late = () => delayMs
    const atOnce = () => 0
    forward(client, remote, direction === 'requests' ? late : atOnce)
    forward(remote, client, direction === 'answers' ? late : atOnce)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    delay: (ms) => {
      delayMs = ms
    },
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/**
 * Each chunk at its own due time, and never before the one ahead of it, also when the delay has just been lowered. One timer, for the
 * first in the queue: timers of their own would be rounded to milliseconds one by one, and could overtake each other.
 */
const forward = (from: net.Socket, to: net.Socket, delayMs: () => number): void => {
  const waiting: { due: number; action: () => void }[] = []
  const pass = () => {
    while (waiting[0] !== undefined && waiting[0].due <= performance.now()) waiting.shift()?.action()
    if (waiting[0] !== undefined) setTimeout(pass, Math.ceil(waiting[0].due - performance.now()))
  }
  const later = (action: () => void) => {
    const due = performance.now() + delayMs()
    waiting.push({ due, action })
    if (waiting.length === 1) pass()
  }
  from.on('data', (chunk) => later(() => to.writable && to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('close', () => later(() => to.destroySoon()))
}
