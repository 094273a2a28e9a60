import { z } from 'zod'
import { jsonSchemaOf } from './json-schema.ts'
import { problemOf, problemType } from './problem.ts'
import { eventStream, type Route } from './route.ts'
import { invalid } from './validate.ts'

const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().describe('Stable, for machines'),
  next: z.string().optional().describe('What to do next'),
  instance: z.string().describe('The id of the request'),
  errors: z.array(z.object({ pointer: z.string().describe('RFC 6901'), message: z.string() })).optional(),
})
const anyProblem = invalid([{ pointer: '/body', message: 'Invalid input: expected object' }])
const example = problemOf(anyProblem, '01890000-0000-7000-8000-000000000001').body

const headers = {
  'X-Request-Id': 'The id of the request: the one it came with if that is harmless, else a new one',
  'Retry-After': 'After how many seconds to send the request again',
}
type HeaderName = keyof typeof headers

interface Refusing {
  status: number
  why: string
  /** Which routes may answer so. */
  by(route: Route): boolean
  headers?: readonly HeaderName[]
}

const everyRoute = () => true
const withParams = ({ params }: Route) => params !== undefined
const withBody = ({ body }: Route) => body !== undefined

/** What the app answers instead of a handler, or for one that throws. */
const refusals: readonly Refusing[] = [
  { status: 400, why: 'The request is not valid; `errors` says where', by: everyRoute },
  { status: 404, why: 'There is nothing with this id', by: withParams },
  { status: 408, why: 'The request did not arrive in time', by: everyRoute },
  { status: 413, why: 'The body is too large', by: withBody },
  { status: 415, why: 'The body is not JSON in UTF-8 by its headers', by: withBody },
  { status: 429, why: 'Too many requests with this token', by: everyRoute, headers: ['Retry-After'] },
  { status: 503, why: 'Something that is needed is not there now', by: everyRoute, headers: ['Retry-After'] },
]

const mapped = <V, R>(entries: Readonly<Record<string, V>> = {}, by: (value: V) => R) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, by(value)]))

const headerOf = (description: string) => ({ description, schema: { type: 'string' } })

/** These headers, and the one that every answer has. */
const headersNamed = (names: readonly HeaderName[] = []) =>
  Object.fromEntries(
    (['X-Request-Id', ...names] as const).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  )

const refusalOf = (description: string, names?: readonly HeaderName[]) => ({
  description,
  headers: headersNamed(names),
  content: { [problemType]: { schema: { $ref: '#/components/schemas/Problem' } } },
})

const answerOf = (schema: Route['answers'][number]) => {
  if (schema === null || schema === undefined) return { description: 'Done; no body' }
  if (schema === eventStream) {
    const content = { 'text/event-stream': { schema: { type: 'string' } } }
    return { description: 'Server-sent events; resume with Last-Event-ID', content }
  }
  const type = schema instanceof z.ZodString ? 'text/plain' : 'application/json'
  return { description: 'Answer', content: { [type]: { schema: jsonSchemaOf(schema, 'output') } } }
}

/** What a route may answer, by status: what the app does for it, its own refusals, and its answers. */
export const responsesOf = (route: Route) => {
  const headers = { ...headersNamed(), ...mapped(route.answerHeaders, headerOf) }
  const shared = refusals.filter(({ by }) => by(route)).map(({ status }) => status)
  return {
    ...Object.fromEntries(shared.map((status) => [status, { $ref: `#/components/responses/${status}` }])),
    ...mapped(route.refusals, (why) => refusalOf(why)),
    ...mapped(route.answers, (schema) => ({ ...answerOf(schema), headers })),
    default: { $ref: '#/components/responses/default' },
  }
}

/** What the responses of all routes refer to. */
export const components = {
  schemas: { Problem: { ...jsonSchemaOf(Problem, 'output'), examples: [example] } },
  headers: mapped(headers, headerOf),
  responses: {
    ...Object.fromEntries(refusals.map(({ status, why, headers }) => [status, refusalOf(why, headers)])),
    default: refusalOf('Any other refusal, or a defect of the service'),
  },
}
