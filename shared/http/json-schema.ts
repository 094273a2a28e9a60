import { z } from 'zod'

/** What OpenAPI 3.1 takes for a schema; of a schema that reads one thing as another, either side. */
export const jsonSchemaOf = (schema: z.ZodType, side: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: side,
    unrepresentable: 'any',
  })
  return rest
}
