/**
 * What a database error means, in one place. PostgreSQL says it as SQLSTATE; Prisma wraps that as P2034 (write conflict),
 * P2028 (transaction API), P2010 or P2039 (raw query, the SQLSTATE in meta); a killed backend has no code at all.
 */
export type DatabaseErrorKind =
  /** The transaction lost against another: try again at once, with jitter. */
  | 'conflict'
  /** The database can't be had now: try again with backoff. */
  | 'unavailable'
  /** A constraint refused the change: a business rule, or a defect. */
  | 'constraint'
  /** Not a database error, or one that trying again does not mend. */
  | 'other'

const conflicts = new Set([
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock_timeout
  '0A000', // a plan from before a migration
])
const unavailable = new Set([
  '57014', // statement_timeout
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // starting up
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read-only: a standby
  '53100', // disk full
  '53200', // out of memory
  '53300', // too many connections
  '58000', // system error
  '58030', // I/O error
  '28000', // role may not log in (now)
  '28P01', // wrong password (now)
  '42501', // permission revoked (now)
  '3D000', // no such database (yet): not migrated
  '42P01', // no such table (yet): not migrated
])
/** Of these, what may be due to the statement alone: the database is there for others. */
const ownFaults = new Set(['57014', '53200'])
const constraints = new Set(['23502', '23503', '23505', '23514', '23P01'])

const prismaKinds: Record<string, DatabaseErrorKind> = {
  P2034: 'conflict',
  P1001: 'unavailable',
  P1002: 'unavailable',
  P1008: 'unavailable',
  P1017: 'unavailable',
  P2024: 'unavailable',
  P2028: 'unavailable',
  P2037: 'unavailable',
  P2002: 'constraint',
  P2003: 'constraint',
}

const connectionLost =
  /connection (error|terminated|refused|reset|timeout|timed out|is closed|was closed|ended)|not queryable|server closed the connection|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|timeout exceeded when trying to connect|transaction already closed|unable to start a transaction|Can't reach database|DatabaseNotReachable|ConnectionClosed|SocketTimeout|TooManyConnections/i

interface MaybeDatabaseError {
  code?: unknown
  message?: unknown
  cause?: unknown
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown; code?: unknown; kind?: unknown } } }
}

/** The SQLSTATE an error carries, from plain pg or through Prisma; undefined when there is none. */
export const sqlState = (error: unknown): string | undefined => {
  const it = (error ?? {}) as MaybeDatabaseError
  const inner = it.meta?.driverAdapterError?.cause
  for (const code of [inner?.originalCode, inner?.code, it.code]) {
    if (
      typeof code === 'string' &&
      // Every SQLSTATE has a digit; EPIPE, as long, has none.
      /^(?=.*\d)[0-9A-Z]{5}$/.test(code) &&
      !code.startsWith('P2') &&
      !code.startsWith('P1')
    ) {
      return code
    }
  }
  return undefined
}

/** What kind of error this is, by its SQLSTATE, Prisma's code, or the driver's words, in this order; the cause is looked at last. */
export const classifyDatabaseError = (error: unknown): DatabaseErrorKind => {
  const state = sqlState(error)
  if (state !== undefined) {
    if (conflicts.has(state)) return 'conflict'
    if (unavailable.has(state) || state.startsWith('08')) return 'unavailable'
    if (constraints.has(state)) return 'constraint'
    return 'other'
  }
  const it = (error ?? {}) as MaybeDatabaseError
  if (typeof it.code === 'string' && prismaKinds[it.code] !== undefined) return prismaKinds[it.code]!
  const inner = it.meta?.driverAdapterError?.cause?.kind
  const text = [it.code, it.message, inner].filter((part) => typeof part === 'string').join(' ')
  if (connectionLost.test(text)) return 'unavailable'
  return it.cause !== undefined && it.cause !== error ? classifyDatabaseError(it.cause) : 'other'
}

/** Whether trying the same transaction again may succeed. */
export const isTransient = (error: unknown): boolean => {
  const kind = classifyDatabaseError(error)
  return kind === 'conflict' || kind === 'unavailable'
}

/** Whether a statement took too long, or too much memory: because of what it was asked, or because the database is busy. */
export const isTooMuch = (error: unknown): boolean =>
  ownFaults.has(sqlState(error) ?? sqlState((error as MaybeDatabaseError | null)?.cause) ?? '')
