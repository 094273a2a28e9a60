import { setImmediate as turn } from 'node:timers/promises'
import type { RelayTransport } from './transport.ts'

/** Looks whether publishing can be tried now; calls `onReady` as soon as it can be, until it is stopped. */
export const lookFor = async (transport: RelayTransport, onReady: () => void) => {
  const stopped = new AbortController()
  let ready = false
  const become = () => {
    ready = true
    onReady()
  }
  // A transport that rejects is not ready, and is looked for again.
  transport.ready(stopped.signal).then(become, () => {})
  await turn()
  return { isReady: () => ready, stop: () => stopped.abort() }
}
