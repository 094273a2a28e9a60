import type { z } from 'zod'
import { type Problem, Refused } from '../failure/index.ts'
import { pointerTo } from './json-pointer.ts'
import { unstorableText } from './text.ts'

/** More than this helps nobody and would let a small request make a large answer. */
const maxProblems = 20

const problemsOf = (issue: z.core.$ZodIssue, at: readonly PropertyKey[]): Problem[] => {
  const path = [...at, ...issue.path]
  return issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => ({ pointer: pointerTo([...path, key]), message: 'is not known here' }))
    : [{ pointer: pointerTo(path), message: issue.message }]
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Keys of the input that are missing in what was read from it: whatever a schema drops silently, at any depth it knows. */
const droppedKeys = (input: unknown, output: unknown, path: readonly PropertyKey[]): Problem[] => {
  if (!isObject(input) || !isObject(output) || Array.isArray(input) !== Array.isArray(output)) return []
  return Object.entries(input).flatMap(([key, value]) => {
    const inner = Object.getOwnPropertyDescriptor(output, key)
    return inner === undefined
      ? [{ pointer: pointerTo([...path, key]), message: 'is not known here' }]
      : droppedKeys(value, inner.value, [...path, key])
  })
}

/** Refused `invalid` for these problems, the first twenty of them. */
export const invalid = (problems: readonly Problem[], code = 'request.invalid'): Refused =>
  new Refused('invalid', 'The request is not valid.', {
    code,
    next: 'Correct what `errors` names and send the request again.',
    problems: problems.slice(0, maxProblems),
  })

/**
 * What the schema reads from the input. Throws Refused `invalid` naming each problem by its pointer; keys the schema does not
 * know are problems even if it would ignore them.
 */
export const validated = (schema: z.ZodType, input: unknown, at: readonly PropertyKey[] = []): unknown => {
  const unstorable = unstorableText(input, at)
  if (unstorable.length > 0) throw invalid(unstorable)
  const parsed = schema.safeParse(input)
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => problemsOf(issue, at)))
  const dropped = droppedKeys(input, parsed.data, at)
  if (dropped.length > 0) throw invalid(dropped)
  return parsed.data
}
