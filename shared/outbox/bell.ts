/** Something to wait at. A ring while nobody waits is not lost; many rings are one. */
export const createBell = () => {
  let rung = false
  let answer: (() => void) | undefined

  return {
    ring: () => {
      rung = true
      answer?.()
    },
    /** Resolves at the next ring, or after so many milliseconds. */
    wait: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer)
          rung = false
          answer = undefined
          resolve()
        }
        const timer = setTimeout(done, Math.max(0, ms))
        if (rung) done()
        else answer = done
      }),
  }
}

export type Bell = ReturnType<typeof createBell>
