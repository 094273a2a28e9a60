import process from 'node:process'
import { pino } from 'pino'
import { visible, withoutPasswords } from './safe-text.ts'

type Write = (fields: Record<string, unknown>, message: string) => void

/** What rooms need of a log: fields first, then one short sentence. Errors go in as `{ err: error }`. */
export interface Log {
  debug: Write
  info: Write
  warn: Write
  error: Write
  /** The same log with fields that every line carries. */
  child(fields: Record<string, unknown>): Log
}

export interface LogOptions {
  service: string
  /** trace, debug, info, warn, error, fatal or silent; info when not said. */
  level?: string
  /** Where the lines go; stderr when not said. */
  destination?: { write(line: string): unknown }
}

const secretKeys = ['password', 'authorization', 'cookie', 'token', 'secret']

/**
 * A log of JSON lines, one event a line, time in ISO 8601. No line shows the password of a URL, a secret field, or a character that
 * deceives the reader. A full disk or a closed pipe never stops the service.
 */
export const createLog = ({ service, level = 'info', destination = stderr() }: LogOptions): Log => {
  const safe = { write: (line: string) => void destination.write(visible(withoutPasswords(line))) }
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '***' },
    },
    safe,
  )
}

/** A log that says nothing: for tests, and for commands that tell what they see themselves. */
export const silentLog = (): Log => createLog({ service: 'test', level: 'silent' })

const ignore = () => {}

const stderr = () => {
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore)
  return process.stderr
}
