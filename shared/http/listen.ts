import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type Koa from 'koa'
import { Refused, Unavailable } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { rawProblem } from './answer.ts'
import { lingerThenClose, watchConnections } from './connections.ts'
import type { Limits } from './limits.ts'
import { HttpRefusal } from './problem.ts'
import type { Expectations, State } from './state.ts'

export interface Listening {
  port: number
  /** Not ready at once; then no new connections; requests in progress end, streams too; idle connections are closed. */
  stop(): Promise<void>
}

interface Parts {
  koa: Koa<State>
  limits: Limits
  stopping: AbortController
  expecting: Expectations
  log: Log
}

export const listenWith = async (
  parts: Parts,
  { host, port }: { host: string; port: number },
): Promise<Listening> => {
  const { koa, limits, stopping, expecting, log } = parts
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.receiveMs,
    requestTimeout: limits.receiveMs,
    connectionsCheckingInterval: limits.receiveCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
    requireHostHeader: false, // ours says why
    noDelay: true,
  })
  const connections = watchConnections(server, limits.idleConnections)
  const answer = koa.callback()
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const end = connections.begin(request.socket)
    response.once('close', () => {
      end()
      discardRest(request, limits.receiveMs)
      if (stopping.signal.aborted && !connections.isBusy(request.socket)) request.socket.end()
    })
    void answer(request, response)
  }
  server.on('request', serve)
  server.on('checkContinue', (request, response) => {
    expecting.continue.add(request)
    serve(request, response)
  })
  server.on('checkExpectation', (request, response) => {
    expecting.unknown.add(request)
    serve(request, response)
  })
  answerUnparsable(server, limits.receiveMs)

  await listening(server, host, port)
  server.on('error', (error) =>
    log.warn({ err: error }, `a connection could not be accepted: ${error.message}`),
  )
  const at = (server.address() as AddressInfo).port
  log.info({ host, port: at }, `listening on http://${host.includes(':') ? `[${host}]` : host}:${at}`)

  const stop = async () => {
    stopping.abort()
    await pause(limits.notReadyMs)
    const closed = once(server, 'close')
    server.close()
    connections.closeIdle()
    const patience = new AbortController()
    await Promise.race([
      connections.quiet(),
      pause(limits.drainMs, undefined, { signal: patience.signal }).catch(() => {}),
    ])
    patience.abort()
    server.closeAllConnections()
    await closed
  }
  let stopped: Promise<void> | undefined
  return {
    port: at,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

const listening = async (server: Server, host: string, port: number): Promise<void> => {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (cause) {
    const why = (cause as { code?: string }).code ?? 'an error'
    const next = 'Choose another PORT or HOST.'
    throw new Unavailable(`can't listen on ${host}:${port}: ${why}`, {
      code: 'port.unavailable',
      next,
      cause,
    })
  }
}

/** A body that was answered before it was read is still read, for the time a whole request may take, so that the client gets to its answer. */
const discardRest = (request: IncomingMessage, patienceMs: number): void => {
  if (request.complete || request.socket.destroyed) return
  request.resume()
  lingerThenClose(request.socket, patienceMs)
  // A client that finishes its body in time may go on using the connection only by opening a new one.
  request.once('end', () => request.socket.end())
}

/** Requests that are no HTTP get the same kind of answer as all others; those that left get none. */
const answerUnparsable = (server: Server, patienceMs: number): void => {
  const refused = new WeakSet<Socket>()
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = socket as Socket
    if (refused.has(connection)) return
    refused.add(connection)
    if (!connection.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE')
      return void connection.destroy()
    connection.end(rawProblem(refusalOf(error.code), randomUUID()))
    lingerThenClose(connection, patienceMs)
  })
}

const refusalOf = (code: string | undefined): Refused => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRefusal('too_large', 'The headers are too large.', {
        code: 'headers.too_large',
        status: 431,
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refused('timeout', 'The request did not arrive in time.', { code: 'request.too_slow' })
    default:
      return new Refused('invalid', 'This is not a valid HTTP request.', { code: 'http.malformed' })
  }
}
