import type { Message } from 'amqplib'
import type { Prepared } from './prepare.ts'
import { confirmed, nacked, type PublishOutcome, refused, returned, unknown } from './publish-outcome.ts'

/** What was written on one channel and waits for its confirm. Every entry settles once, whatever happens to the channel. */
export interface Pending {
  size(): number
  /** The same message, still waiting: its copy has to wait, so that a return is never taken for the other's. */
  twin(message: Prepared): Promise<PublishOutcome> | undefined
  add(message: Prepared): Entry
  /** What the confirm callback was given for this entry. */
  confirmed(entry: Entry, error: unknown): void
  settle(entry: Entry, outcome: PublishOutcome): void
  /** basic.return: it comes before the confirm of the same message. */
  returned(message: Message): void
  /** Resolves when all that waits now is settled. */
  settled(): Promise<unknown>
  /** Everything that waits, when the channel is gone. The exchange that the broker complained about is refused, the rest unknown. */
  settleAll(reason: string, guiltyExchange: string | undefined): void
}

export interface Entry {
  readonly key: string
  readonly exchange: string
  readonly outcome: Promise<PublishOutcome>
  readonly resolve: (outcome: PublishOutcome) => void
  readonly lateAt: number
  returnedBecause: string | undefined
}

export interface PendingOptions {
  /** How long an entry waits for its confirm; then it is unknown. */
  timeoutMs: number
  onLate: () => void
  onNack: () => void
}

const keyOf = (messageId: unknown, exchange: string, routingKey: string) =>
  `${String(messageId)}\n${exchange}\n${routingKey}`

export const createPending = ({ timeoutMs, onLate, onNack }: PendingOptions): Pending => {
  // In the order of writing, so that the first one is the first to be late: one timer is enough for all.
  const waiting = new Map<string, Entry>()
  let timer: NodeJS.Timeout | undefined

  const settle = (entry: Entry, end: PublishOutcome) => {
    if (waiting.get(entry.key) === entry) waiting.delete(entry.key)
    entry.resolve(end)
  }

  const watch = (ms: number) => {
    timer = setTimeout(settleLate, ms)
  }

  const settleLate = () => {
    timer = undefined
    const now = performance.now()
    let late = false
    for (const entry of waiting.values()) {
      if (entry.lateAt > now) {
        watch(entry.lateAt - now)
        break
      }
      late = true
      settle(entry, unknown(`no confirm within ${timeoutMs} ms`))
    }
    if (late) onLate()
  }

  return {
    size: () => waiting.size,
    twin: ({ options, exchange, routingKey }) =>
      waiting.get(keyOf(options.messageId, exchange, routingKey))?.outcome,
    add: ({ options, exchange, routingKey }) => {
      let resolve: Entry['resolve'] | undefined
      const outcome = new Promise<PublishOutcome>((done) => {
        resolve = done
      })
      const entry: Entry = {
        key: keyOf(options.messageId, exchange, routingKey),
        exchange,
        outcome,
        resolve: resolve!,
        lateAt: performance.now() + timeoutMs,
        returnedBecause: undefined,
      }
      waiting.set(entry.key, entry)
      if (timer === undefined) watch(timeoutMs)
      return entry
    },
    confirmed(entry, error) {
      if (error === null || error === undefined) {
        settle(entry, entry.returnedBecause === undefined ? confirmed : returned(entry.returnedBecause))
      } else if (error instanceof Error && error.message === 'message nacked') {
        settle(entry, nacked)
        onNack()
      }
      // Any other error says that the channel closed: settleAll knows why and settles it.
    },
    settle,
    returned({ fields, properties }) {
      const entry = waiting.get(keyOf(properties.messageId, fields.exchange, fields.routingKey))
      const { replyText } = fields as { replyText?: string }
      if (entry) entry.returnedBecause = replyText ?? 'NO_ROUTE'
    },
    settled: () => Promise.all([...waiting.values()].map(({ outcome }) => outcome)),
    settleAll(reason, guiltyExchange) {
      clearTimeout(timer)
      timer = undefined
      for (const entry of [...waiting.values()]) {
        settle(entry, entry.exchange === guiltyExchange ? refused(reason) : unknown(reason))
      }
    },
  }
}
