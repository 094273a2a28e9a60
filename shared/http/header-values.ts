import { z } from 'zod'

/** What a caller prefers (RFC 7240); only `wait` is known here. */
interface Preferences {
  /** How many seconds the caller would wait for a finished answer, at most maxWaitSeconds. */
  waitSeconds?: number
}

const maxWaitSeconds = 30

/** Reads a Prefer header. Preferences may be ignored: unknown and malformed ones are, and a longer wait is cut to 30 s. */
const preferencesIn = (header: string): Preferences => {
  for (const preference of header.split(',')) {
    const [, quoted, plain] = /^\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?$/i.exec(preference) ?? []
    const seconds = quoted ?? plain
    if (seconds !== undefined) return { waitSeconds: Math.min(Number(seconds), maxWaitSeconds) }
  }
  return {}
}

/** Prefer: wait=SECONDS */
export const Prefer = z
  .string()
  .meta({ description: 'How long to wait for a finished answer, at most 30 seconds', examples: ['wait=5'] })
  .transform(preferencesIn)

/** Last-Event-ID of a client that resumes a stream: the id of the last event it saw. */
export const LastEventId = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/, 'must be a whole number')
  .meta({ description: 'The last event that was seen; the stream goes on behind it', examples: ['2'] })
  .transform(Number)
