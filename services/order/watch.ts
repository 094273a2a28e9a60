import type { StatusChange } from './statements.ts'

interface Watcher {
  orderId: string
  /** The last change this watcher has seen. */
  after: number
  tell(changes: readonly StatusChange[]): void
}

export interface OrderWatch {
  /** Each status change of an order later than `after`, oldest first, until the terminal one or an abort. */
  changes(orderId: string, after: number, signal: AbortSignal): AsyncGenerator<StatusChange>
  /** Resolves when the order is terminal, or after `ms`, or at an abort. Never rejects. */
  settled(orderId: string, ms: number, signal: AbortSignal): Promise<void>
  /** Look now: something was committed here. */
  wake(): void
}

/** The commits of other processes are seen by this poll; one query serves all watchers. */
const pollMs = 250

/** Tells about status changes from the history the database keeps: at once for commits of this process, else by a poll. */
export const watchOrders = (
  history: (orderIds: readonly string[]) => Promise<readonly StatusChange[]>,
): OrderWatch => {
  const watchers = new Set<Watcher>()
  let looking = false
  let wakeUp = () => {}
  let awake = Promise.resolve()

  const look = async () => {
    looking = true
    while (watchers.size > 0) {
      awake = new Promise((resolve) => {
        wakeUp = resolve
      })
      // A failed look is repeated by the next poll; the watchers have their own deadlines.
      const changes = await history([...new Set([...watchers].map(({ orderId }) => orderId))]).catch(() => [])
      for (const watcher of watchers) {
        const news = changes.filter(({ id, orderId }) => orderId === watcher.orderId && id > watcher.after)
        watcher.after = news.at(-1)?.id ?? watcher.after
        if (news.length > 0) watcher.tell(news)
      }
      await Promise.race([awake, pause(pollMs)])
    }
    looking = false
  }

  const watch = (watcher: Watcher) => {
    watchers.add(watcher)
    if (looking) wakeUp()
    else void look()
    return () => {
      watchers.delete(watcher)
    }
  }

  async function* changes(orderId: string, after: number, signal: AbortSignal) {
    const waiting: StatusChange[] = []
    let more = () => {}
    const unwatch = watch({ orderId, after, tell: (news) => [waiting.push(...news), more()] })
    const leave = () => more()
    signal.addEventListener('abort', leave)
    try {
      while (!signal.aborted) {
        const next = waiting.shift()
        if (next !== undefined) {
          yield next
          if (next.status !== 'PROCESSING') return
        } else {
          await new Promise<void>((resolve) => {
            more = resolve
            if (waiting.length > 0 || signal.aborted) resolve()
          })
        }
      }
    } finally {
      signal.removeEventListener('abort', leave)
      unwatch()
    }
  }

  const settled = async (orderId: string, ms: number, signal: AbortSignal) => {
    const enough = AbortSignal.any([signal, AbortSignal.timeout(ms)])
    for await (const _ of changes(orderId, 0, enough));
  }

  return { changes, settled, wake: () => wakeUp() }
}

const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
