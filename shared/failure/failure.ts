/**
 * Errors form a ladder of three rungs, by consequence:
 *   Refused      the caller is wrong; trying again changes nothing
 *   Unavailable  a dependency is not there; trying again may help
 *   anything else is a defect: someone must look
 */
export interface FailureDetails {
  /** Stable, for machines: `order.not_found`. */
  code: string
  /** What to do next, in one sentence. */
  next?: string
  cause?: unknown
}

abstract class Failure extends Error {
  readonly code: string
  readonly next: string | undefined

  constructor(message: string, details: FailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = details.code
    this.next = details.next
  }
}

export const refusals = [
  'invalid',
  'not_found',
  'method_not_allowed',
  'conflict',
  'too_large',
  'unsupported',
  'mismatch',
  'too_many',
  'timeout',
] as const
/** In which way the caller is wrong; the HTTP room maps it to a status. */
export type Refusal = (typeof refusals)[number]

/** One thing wrong with an input: where (JSON pointer, RFC 6901) and what. */
export interface Problem {
  pointer: string
  message: string
}

/** The caller is wrong. Never retried, never answered with a 5xx. */
export class Refused extends Failure {
  readonly kind: Refusal
  readonly problems: readonly Problem[]

  constructor(kind: Refusal, message: string, details: FailureDetails & { problems?: readonly Problem[] }) {
    super(message, details)
    this.kind = kind
    this.problems = details.problems ?? []
  }
}

/** A dependency did not do its part in time. Retried with jitter; over HTTP a 503. */
export class Unavailable extends Failure {}

/** One line for a log or a terminal, whatever was thrown. */
export const describe = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join('; ')
  const text = error instanceof Error ? error.message || error.name : String(error)
  // Prisma sets the call's source before what went wrong.
  return text
    .replace(/^\s*Invalid `[^`]*` invocation:?/, '')
    .replace(/\s+/g, ' ')
    .trim()
}
