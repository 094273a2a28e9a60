type Write = (fields: Record<string, unknown>, message: string) => void

/** The part of a logger this room needs; a pino logger fits. */
export interface Log {
  debug: Write
  info: Write
  warn: Write
  error: Write
}
