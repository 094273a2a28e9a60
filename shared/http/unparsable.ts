import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Refused } from '../failure/index.ts'
import { rawProblem } from './answer.ts'
import { lingerThenClose } from './connections.ts'
import type { Limits } from './limits.ts'
import { HttpRefusal, problemOf } from './problem.ts'

interface UnparsableOptions {
  /** Connections whose last request was answered before all of it came. */
  discarding: WeakSet<Socket>
  /** Told of connections whose last answer comes from here, and its status. */
  lastWords: WeakMap<Socket, number>
  limits: Limits
}

/** Requests that are no HTTP, or to a proxy, get the same kind of answer as all others; those that left get none. */
export const answerUnparsable = (
  server: Server,
  { discarding, lastWords, limits }: UnparsableOptions,
): void => {
  const endWith = (socket: Socket, refusal: Refused): number => {
    const requestId = randomUUID()
    const problem = problemOf(refusal, requestId)
    socket.end(rawProblem(problem, requestId))
    lingerThenClose(socket, limits.receiveMs, limits.discardBytes)
    return problem.status
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = socket as Socket
    if (lastWords.has(connection)) return
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') connection.destroy()
    else if (discarding.has(connection)) {
      // The request has its answer, and its rest gets no second one; for one that is only slow lingerThenClose looks at the time.
      if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') connection.end()
    } else if (!connection.writable) connection.destroy()
    else {
      const status = endWith(connection, refusalOf(error.code))
      // Who ended in the middle of a request most likely left, and is measured so; the answer is for those who did not.
      if (error.code !== 'HPE_INVALID_EOF_STATE') lastWords.set(connection, status)
    }
  })
  server.on('connect', (_request, socket) => {
    socket.on('error', () => {}) // from here on it is ours, and a client may leave
    endWith(socket as Socket, noProxy())
  })
}

const noProxy = () =>
  new HttpRefusal('method_not_allowed', 'This is no proxy: it connects to nothing.', {
    code: 'method.not_allowed',
    next: 'Send the request to this address itself.',
    headers: { Allow: '' },
  })

const refusalOf = (code: string | undefined): Refused => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRefusal('too_large', 'The headers are too large.', {
        code: 'headers.too_large',
        next: 'Send fewer or shorter ones.',
        status: 431,
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refused('timeout', 'The request did not arrive in time.', {
        code: 'request.too_slow',
        next: 'Send it again, all at once.',
      })
    default:
      return new Refused('invalid', 'This is not a valid HTTP request.', {
        code: 'http.malformed',
        next: 'Send it as RFC 9112 has it.',
      })
  }
}
