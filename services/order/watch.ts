import type { StatusChange } from './statements.ts'

interface Watcher {
  /** The last change this watcher has seen. */
  after: number
  tell(change: StatusChange): void
}

export interface OrderWatch {
  /** Each status change of an order later than `after`, oldest first, until the terminal one or an abort. */
  changes(orderId: string, after: number, signal: AbortSignal): AsyncGenerator<StatusChange>
  /** Resolves when the order is terminal, or after `ms`, or at an abort. Never rejects. */
  settled(orderId: string, ms: number, signal: AbortSignal): Promise<void>
  /** Look now: changes of these orders were committed here. */
  wake(orderIds: Iterable<string>): void
}

/** The commits of other processes are seen by this poll; one query serves all watchers. */
const pollMs = 250

/**
 * Tells about status changes from the history the database keeps: at once for commits of this process, looking at the orders
 * concerned alone, else by a poll of all that are watched.
 */
export const watchOrders = (
  history: (orderIds: readonly string[]) => Promise<readonly StatusChange[]>,
): OrderWatch => {
  const watchers = new Map<string, Set<Watcher>>()
  /** Watched orders to look at before the next poll. */
  const due = new Set<string>()
  let looking = false
  let wakeUp = () => {}

  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref()
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const lookAt = async (orderIds: readonly string[]) => {
    // A failed look is repeated by the next poll; the watchers have their own deadlines.
    for (const change of await history(orderIds).catch(() => [])) {
      for (const watcher of watchers.get(change.orderId) ?? []) {
        if (change.id <= watcher.after) continue
        watcher.after = change.id
        watcher.tell(change)
      }
    }
  }

  const look = async () => {
    looking = true
    for (let pollAt = 0; watchers.size > 0; ) {
      if (performance.now() >= pollAt) {
        for (const orderId of watchers.keys()) due.add(orderId)
        pollAt = performance.now() + pollMs
      }
      const orderIds = [...due]
      due.clear()
      if (orderIds.length > 0) await lookAt(orderIds)
      if (due.size === 0) await rest(pollAt - performance.now())
    }
    looking = false
  }

  const wake = (orderIds: Iterable<string>) => {
    for (const orderId of orderIds) if (watchers.has(orderId)) due.add(orderId)
    if (due.size > 0) wakeUp()
  }

  const watch = (orderId: string, watcher: Watcher) => {
    const others = watchers.get(orderId) ?? new Set()
    watchers.set(orderId, others.add(watcher))
    wake([orderId])
    if (!looking) void look()
    return () => {
      others.delete(watcher)
      if (others.size === 0) watchers.delete(orderId)
    }
  }

  async function* changes(orderId: string, after: number, signal: AbortSignal) {
    const waiting: StatusChange[] = []
    let more = () => {}
    const unwatch = watch(orderId, { after, tell: (change) => [waiting.push(change), more()] })
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
    // A time-out that only `AbortSignal.any` knew of would be collected, and never fire.
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), ms)
    try {
      for await (const _ of changes(orderId, 0, AbortSignal.any([signal, late.signal])));
    } finally {
      clearTimeout(timer)
    }
  }

  return { changes, settled, wake }
}
