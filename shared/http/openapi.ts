import type { z } from 'zod'
import { jsonSchemaOf } from './json-schema.ts'
import { components, responsesOf } from './openapi-responses.ts'
import type { Route } from './route.ts'

const parametersOf = (where: 'path' | 'query' | 'header', schema: z.ZodObject | undefined) =>
  Object.entries(schema?.shape ?? {}).map(([name, piece]) => ({
    name,
    in: where,
    required: where === 'path' || !(piece as z.ZodType).safeParse(undefined).success,
    schema: jsonSchemaOf(piece as z.ZodType, 'input'),
  }))

/** POST /orders/:id/cancel is postOrdersByIdCancel. */
const operationIdOf = ({ method, path }: Route) =>
  [method.toLowerCase(), ...path.replaceAll(':', 'by-').split(/\W+/)]
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('')

const operationOf = (route: Route) => ({
  operationId: operationIdOf(route),
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
          content: { 'application/json': { schema: jsonSchemaOf(route.body, 'input') } },
        },
      }),
  responses: responsesOf(route),
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
    components,
  }
}
