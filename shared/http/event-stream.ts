import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'

/** One server-sent event; `data` is sent as JSON. */
export interface ServerSentEvent {
  /** A client that reconnects sends the last one it saw as Last-Event-ID. */
  id?: number
  event?: string
  data: unknown
}

/** Makes the events of one stream; ends by returning. The signal aborts when nobody listens any more or the service stops. */
export type EventSource = (signal: AbortSignal) => AsyncIterable<ServerSentEvent>

export interface StreamOptions {
  signal: AbortSignal
  /** How often a comment shows that the stream lives, in milliseconds. */
  heartbeatMs: number
  /** Told when the source fails; the client then sees the connection end and may resume. */
  onError(error: unknown): void
}

/** How long a client waits before it reconnects. */
const retryMs = 1_000

const textOf = ({ id, event, data }: ServerSentEvent): string =>
  [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event.replace(/[\r\n]/g, ' ')}`]),
    `data: ${JSON.stringify(data)}`,
    '\n',
  ].join('\n')

/** The bytes of a stream of events, with heartbeats; ends with its source, or when the signal aborts. */
export const streamEvents = (
  source: EventSource,
  { signal, heartbeatMs, onError }: StreamOptions,
): Readable => {
  const out = new PassThrough()
  const over = new AbortController()
  const end = () => over.abort()
  out.once('close', end)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  out.write(`retry: ${retryMs}\n\n`)
  const beat = () => void (out.writableNeedDrain || out.write(': still here\n\n'))
  const heartbeat = setInterval(beat, heartbeatMs)
  pump(source, out, over.signal)
    .catch((error) => {
      if (!over.signal.aborted) onError(error)
    })
    .finally(() => {
      clearInterval(heartbeat)
      signal.removeEventListener('abort', end)
      out.end()
    })
  return out
}

const pump = async (source: EventSource, out: PassThrough, stop: AbortSignal): Promise<void> => {
  const events = source(stop)[Symbol.asyncIterator]()
  const aborted = new Promise<'aborted'>((resolve) => {
    if (stop.aborted) resolve('aborted')
    stop.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
  try {
    for (;;) {
      const pending = events.next()
      pending.catch(() => {})
      const next = await Promise.race([pending, aborted])
      if (next === 'aborted' || next.done === true) return
      if (!out.write(textOf(next.value))) await once(out, 'drain', { signal: stop })
    }
  } finally {
    // Whatever ended it: a source that stands at a `yield` lets go of what it holds.
    events.return?.().catch(() => {})
  }
}
