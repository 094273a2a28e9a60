import { Socket } from 'node:net'
import pg from 'pg'

/** Longer than a statement may take on the server: only a server that can't be reached is silent for so long. */
export const answerTimeoutMs = 7_000

/**
 * A client that gives up its connection when the server owes it an answer for too long. A peer that vanished without closing is
 * noticed by nothing else for a quarter of an hour, and until then each question would wait, and hold its place in the pool.
 */
export class AnsweredClient extends pg.Client {
  readonly #socket: Socket
  #giveUp: NodeJS.Timeout | undefined

  constructor(config: pg.ClientConfig = {}) {
    const socket = new Socket()
    super({ ...config, stream: () => socket })
    this.#socket = socket
    // All that was asked is answered; or nothing more will be.
    this.on('drain', () => this.#calm())
    this.on('end', () => this.#calm())
    // biome-ignore lint/suspicious/noExplicitAny: pg declares `query` by seven overloads.
    const query = this.query.bind(this) as (...question: any[]) => any
    // biome-ignore lint/suspicious/noExplicitAny: the same.
    this.query = (...question: any[]) => {
      this.#giveUp ??= setTimeout(() => this.abandon(), answerTimeoutMs)
      // What is asked in one turn leaves in one system call.
      socket.cork()
      process.nextTick(() => socket.uncork())
      return query(...question)
    }
  }

  /** Closes the connection at once; whoever waits for an answer is told so. */
  abandon(): void {
    this.#socket.destroy()
  }

  #calm(): void {
    clearTimeout(this.#giveUp)
    this.#giveUp = undefined
  }
}
