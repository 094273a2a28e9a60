import { z } from 'zod'
import type { Problem } from '../failure/index.ts'
import { pointerTo } from './json-pointer.ts'

/** C0 controls and DEL; a name has no use for them, and PostgreSQL refuses NUL. */
const control = /(?![\u0080-\u009f])\p{Cc}/u
const loneSurrogate = /\p{Surrogate}/u

/**
 * Text as people write it: 1 to `max` UTF-16 units, not blank, no control characters, no lone surrogates. Nothing is trimmed
 * or changed; markup and quotes are just text.
 */
export const Text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.trim() !== '', 'must not be blank')
    .refine((text) => !control.test(text), 'must not contain control characters')
    .refine((text) => !loneSurrogate.test(text), 'must be well-formed Unicode')

const unstorable = (text: string): string | undefined => {
  if (text.includes('\0')) return 'must not contain a NUL character'
  return loneSurrogate.test(text) ? 'must be well-formed Unicode' : undefined
}

/**
 * The strings and keys anywhere in a JSON value that no database could store: with NUL or lone surrogates.
 * A loop with its own stack, since 64 KiB of brackets nest deeper than calls can.
 */
export const unstorableText = (root: unknown, at: readonly PropertyKey[] = []): Problem[] => {
  const problems: Problem[] = []
  const waiting: { value: unknown; path: readonly PropertyKey[] }[] = [{ value: root, path: at }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, path } = next
    if (typeof value === 'string') {
      const message = unstorable(value)
      if (message !== undefined) problems.push({ pointer: pointerTo(path), message })
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const message = unstorable(key)
        if (message !== undefined) problems.push({ pointer: pointerTo([...path, key]), message })
        if (typeof inner === 'string' || typeof inner === 'object') {
          // Past this depth the schema has refused the value anyway, and long paths would cost more than the body.
          waiting.push({ value: inner, path: path.length < 32 ? [...path, key] : path })
        }
      }
    }
  }
  return problems.reverse()
}
