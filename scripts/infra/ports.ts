import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import type { ServiceName } from '../../shared/contracts/index.ts'
import { Unavailable } from '../../shared/failure/index.ts'

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

export const isFree = async (port: number): Promise<boolean> =>
  (await whyNot(port, '127.0.0.1')) === undefined

const whyNot = (port: number, host: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })

/** Throws Unavailable when somebody listens where a service is to. */
export const refuseTakenPort = async (
  service: ServiceName,
  port: number,
  next: string,
  host = '127.0.0.1',
): Promise<void> => {
  if ((await whyNot(port, host)) !== 'EADDRINUSE') return
  throw new Unavailable(`port ${port}, for the ${service} service, is taken`, {
    code: 'port.unavailable',
    next,
  })
}
