import { STATUS_CODES } from 'node:http'
import { isTransient, type Problem, type Refusal, Refused, Unavailable } from '../failure/index.ts'

const statusOf: Record<Refusal, number> = {
  invalid: 400,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  too_large: 413,
  unsupported: 415,
  mismatch: 422,
  too_many: 429,
}

/** A refusal that also says something in headers (Allow, Retry-After), or has a status that only HTTP knows (417, 431). */
export class HttpRefusal extends Refused {
  readonly headers: Readonly<Record<string, string>>
  readonly status: number

  constructor(
    kind: Refusal,
    message: string,
    details: { code: string; next?: string; headers?: Record<string, string>; status?: number },
  ) {
    super(kind, message, details)
    this.headers = details.headers ?? {}
    this.status = details.status ?? statusOf[kind]
  }
}

/** The body of every error answer, RFC 9457. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  code: string
  next?: string
  /** The request id, to be found in the log. */
  instance: string
  errors?: readonly Problem[]
}

export interface ProblemAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  body: ProblemBody
}

export const problemType = 'application/problem+json'

interface Essentials {
  status: number
  detail: string
  code: string
  next?: string | undefined
  errors?: readonly Problem[]
}

const bodyOf = ({ status, detail, code, next, errors = [] }: Essentials, requestId: string): ProblemBody => ({
  type: `urn:outbox-saga:problem:${code}`,
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  code,
  ...(next === undefined ? {} : { next }),
  instance: `urn:outbox-saga:request:${requestId}`,
  ...(errors.length === 0 ? {} : { errors }),
})

const unavailable = 'Something this service needs is not available at the moment.'
// A connection may be lost after the commit and before its answer.
const again = 'Send it again in a moment; what must not be done twice, look first whether it was done.'

const told = 'Tell whoever runs the service that id.'

/** THE mapping of errors to HTTP. What is not the caller's fault tells nothing of the inside. */
export const problemOf = (error: unknown, requestId: string): ProblemAnswer => {
  if (error instanceof Refused) {
    const status = error instanceof HttpRefusal ? error.status : statusOf[error.kind]
    const headers = error instanceof HttpRefusal ? error.headers : {}
    const { message: detail, code, next, problems: errors } = error
    return { status, headers, body: bodyOf({ status, detail, code, next, errors }, requestId) }
  }
  if (error instanceof Unavailable || isTransient(error)) {
    const code = error instanceof Unavailable ? error.code : 'database.unavailable'
    const body = bodyOf({ status: 503, detail: unavailable, code, next: again }, requestId)
    return { status: 503, headers: { 'Retry-After': '1' }, body }
  }
  const detail = 'This is a defect of the service. It was logged under the id in `instance`.'
  return {
    status: 500,
    headers: {},
    body: bodyOf({ status: 500, detail, code: 'internal', next: told }, requestId),
  }
}
