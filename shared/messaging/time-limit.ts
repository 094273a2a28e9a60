import { setMaxListeners } from 'node:events'
import { Unavailable } from '../failure/index.ts'

/**
 * The promise's own end, or `Unavailable` (`broker.timeout`) after so many milliseconds. What comes later goes to `late`, so that
 * a channel that opens after all can still be closed.
 */
export const within = async <T>(
  milliseconds: number,
  what: string,
  promise: Promise<T>,
  late: (value: T) => void = () => {},
): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  let over = false
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      over = true
      reject(new Unavailable(`${what} took longer than ${milliseconds} ms`, { code: 'broker.timeout' }))
    }, milliseconds)
  })
  promise.then(
    (value) => over && late(value),
    () => {},
  )
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** A controller whose signal many may wait on at once without Node suspecting a leak. */
export const createAbort = (): AbortController => {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
