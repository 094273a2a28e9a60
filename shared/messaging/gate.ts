/**
 * A door that is open or shut; `passed` resolves once it is open, and rejects with the reason of the first signal that aborts. Each is
 * listened to by itself: Node collects a time-out that only `AbortSignal.any` knows of, and it never fires.
 */
export interface Gate {
  open(): void
  shut(): void
  isOpen(): boolean
  passed(...signals: (AbortSignal | undefined)[]): Promise<void>
}

export const createGate = (initially: 'open' | 'shut'): Gate => {
  let opened = initially === 'open'
  const waiting = new Set<() => void>()

  const wait = (signals: readonly (AbortSignal | undefined)[]) =>
    new Promise<void>((resolve, reject) => {
      const leave = () => {
        waiting.delete(through)
        for (const signal of signals) signal?.removeEventListener('abort', away)
      }
      const through = () => {
        leave()
        resolve()
      }
      const away = (event: Event) => {
        leave()
        reject((event.target as AbortSignal).reason)
      }
      waiting.add(through)
      for (const signal of signals) signal?.addEventListener('abort', away, { once: true })
    })

  return {
    open() {
      opened = true
      const through = [...waiting]
      waiting.clear()
      for (const go of through) go()
    },
    shut() {
      opened = false
    },
    isOpen: () => opened,
    async passed(...signals) {
      for (const signal of signals) signal?.throwIfAborted()
      while (!opened) await wait(signals)
    },
  }
}
