import { z } from 'zod'
import { eventStream, type Route } from './route.ts'

const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  })
  return rest
}

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

const parametersOf = (where: 'path' | 'query' | 'header', schema: z.ZodObject | undefined) =>
  Object.entries(schema?.shape ?? {}).map(([name, piece]) => ({
    name,
    in: where,
    required: where === 'path' || !(piece as z.ZodType).safeParse(undefined).success,
    schema: schemaOf(piece as z.ZodType, 'input'),
  }))

const answerOf = (schema: Route['answers'][number]) => {
  if (schema === null || schema === undefined) return { description: 'Done; no body' }
  if (schema === eventStream) {
    const content = { 'text/event-stream': { schema: { type: 'string' } } }
    return { description: 'Server-sent events; resume with Last-Event-ID', content }
  }
  const type = schema instanceof z.ZodString ? 'text/plain' : 'application/json'
  return { description: 'Answer', content: { [type]: { schema: schemaOf(schema, 'output') } } }
}

const operationOf = (route: Route) => ({
  summary: route.summary,
  parameters: [
    ...parametersOf('path', route.params),
    ...parametersOf('query', route.query),
    ...parametersOf('header', route.headers),
  ],
  ...(route.body === undefined
    ? {}
    : {
        requestBody: {
          required: true,
          description:
            'UTF-8 without a byte order mark, at most 64 KiB. Unknown keys are refused; of duplicate keys the last counts.',
          content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
        },
      }),
  responses: {
    ...Object.fromEntries(
      Object.entries(route.answers).map(([status, schema]) => [status, answerOf(schema)]),
    ),
    default: {
      description: 'Refused or failed (RFC 9457)',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  },
})

/** The OpenAPI 3.1 document of these routes. */
export const openApi = (service: string, routes: readonly Route[]) => {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: `outbox-saga: ${service}`, version: '1' },
    paths,
    components: { schemas: { Problem: schemaOf(Problem, 'output') } },
  }
}
