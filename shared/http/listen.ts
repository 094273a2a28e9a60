import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type Koa from 'koa'
import { Unavailable } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { discardRest, watchConnections } from './connections.ts'
import type { Limits } from './limits.ts'
import type { Expectations, State } from './state.ts'
import { answerUnparsable } from './unparsable.ts'

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
  /** Connections whose last answer came from no handler (their request was malformed or too slow), and its status. */
  lastWords: WeakMap<Socket, number>
  log: Log
}

export const listenWith = async (
  parts: Parts,
  { host, port }: { host: string; port: number },
): Promise<Listening> => {
  const { koa, limits, stopping, expecting, lastWords, log } = parts
  const discarding = new WeakSet<Socket>()
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.receiveMs,
    requestTimeout: limits.receiveMs,
    connectionsCheckingInterval: limits.receiveCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
    requireHostHeader: false, // ours says why
    noDelay: true,
  })
  const connections = watchConnections(server, limits)
  const answer = koa.callback()
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const end = connections.begin(request.socket)
    const stays = response.shouldKeepAlive
    response.once('close', () => {
      end()
      discardRest(request, { stays, discarding, limits })
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
  answerUnparsable(server, { discarding, lastWords, limits })

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
