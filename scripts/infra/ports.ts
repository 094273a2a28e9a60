import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range that systems take the local ends of outgoing connections from (32768 on Linux, 49152 elsewhere): a port in there can
 * be taken by any client between the look and the server's start.
 */
const lowest = 15_000
export const highestPort = 32_000
const tries = 100

/** The first of `inARow` TCP ports of 127.0.0.1 that nobody listens on at the moment. */
export const freePort = async (inARow = 1): Promise<number> => {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const first = randomInt(lowest, highestPort - inARow)
    const free = await Promise.all(Array.from({ length: inARow }, (_, offset) => isFree(first + offset)))
    if (!free.includes(false)) return first
  }
  throw new Error(`no ${inARow} free ports in a row between ${lowest} and ${highestPort}`)
}

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
