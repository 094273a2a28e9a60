import type { z } from 'zod'
import type { Log } from '../log/index.ts'
import type { EventSource } from './event-stream.ts'

/** Stands in a route's answers for a stream of server-sent events. */
export const eventStream = 'event stream'

type AnswerSchema = z.ZodType | null | typeof eventStream
type Empty = z.ZodObject<Record<never, never>>

type AnswerWith<S, A> = A extends z.ZodType
  ? { status: S; body: z.output<A>; headers?: Record<string, string> }
  : A extends typeof eventStream
    ? { status: S; events: EventSource; headers?: Record<string, string> }
    : { status: S; headers?: Record<string, string> }

/** What a handler returns: one of the answers its route lists. */
export type AnswerOf<A> = { [S in keyof A]: AnswerWith<S, A[S]> }[keyof A]

/** What a handler gets: inputs as its schemas read them, and what belongs to the request. */
export interface Request<P = unknown, Q = unknown, H = unknown, B = unknown> {
  params: P
  query: Q
  headers: H
  body: B
  /** For logs and for the caller; harmless characters only. */
  id: string
  /** W3C trace context to hand on. */
  traceparent: string
  /** Aborts when the caller goes away, the time for the request is over, or the service stops: answer with what there is. */
  signal: AbortSignal
  log: Log
}

export interface RouteOptions<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  H extends z.ZodObject,
  B extends z.ZodType,
  A extends Record<number, AnswerSchema>,
> {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** With parameters as `:name`, each of them in `params`. */
  path: string
  summary: string
  params?: P
  query?: Q
  /** Keyed by lower-case header names. */
  headers?: H
  body?: B
  /** Every answer that is no error, by status: a schema, null for no body, or `eventStream`. */
  answers: A
  /** For OpenAPI: headers its answers may have beyond those of every route, and what each says. */
  answerHeaders?: Readonly<Record<string, string>>
  /** For OpenAPI: refusals beyond those of every route, by status, and why. */
  refusals?: Readonly<Record<number, string>>
  handle(
    request: Request<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>,
  ): Promise<AnswerOf<A>> | AnswerOf<A>
}

/** What came of a handler, whatever its route. */
export interface Answer {
  status: number
  body?: unknown
  events?: EventSource
  headers?: Record<string, string>
}

/** A route as data: what is served, documented in OpenAPI, and measured. */
export interface Route {
  method: string
  path: string
  summary: string
  params?: z.ZodObject
  query?: z.ZodObject
  headers?: z.ZodObject
  body?: z.ZodType
  answers: Readonly<Record<number, AnswerSchema>>
  answerHeaders?: Readonly<Record<string, string>>
  refusals?: Readonly<Record<number, string>>
  handle(request: Request): Promise<Answer>
}

/** Types a handler by the schemas beside it. Throws when path and params do not name the same. */
export const route = <
  const A extends Record<number, AnswerSchema>,
  P extends z.ZodObject = Empty,
  Q extends z.ZodObject = Empty,
  H extends z.ZodObject = Empty,
  B extends z.ZodType = z.ZodUndefined,
>(
  options: RouteOptions<P, Q, H, B, A>,
): Route => {
  const inPath = [...options.path.matchAll(/:(\w+)/g)].map((match) => match[1])
  const declared = Object.keys(options.params?.shape ?? {})
  if (inPath.sort().join() !== declared.sort().join()) {
    throw new Error(`${options.method} ${options.path}: the path and \`params\` name different parameters`)
  }
  type Typed = Parameters<typeof options.handle>[0]
  return { ...options, handle: async (request) => (await options.handle(request as Typed)) as Answer }
}
