/** A door that is open or shut; `passed` resolves once it is open and rejects with the signal's reason. */
export interface Gate {
  open(): void
  shut(): void
  isOpen(): boolean
  passed(signal?: AbortSignal): Promise<void>
}

export const createGate = (initially: 'open' | 'shut'): Gate => {
  let opened = initially === 'open'
  const waiting = new Set<() => void>()

  const wait = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const through = () => {
        signal?.removeEventListener('abort', away)
        resolve()
      }
      const away = () => {
        waiting.delete(through)
        reject(signal?.reason)
      }
      waiting.add(through)
      signal?.addEventListener('abort', away, { once: true })
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
    async passed(signal) {
      signal?.throwIfAborted()
      while (!opened) await wait(signal)
    },
  }
}
