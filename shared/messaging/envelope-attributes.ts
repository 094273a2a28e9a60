const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const zeros = /^0+$/
const maxTextLength = 255

/** A UUID in lower case. */
export const uuidOf = (value: unknown): string | undefined =>
  typeof value === 'string' && uuid.test(value) ? value.toLowerCase() : undefined

/** A short text that PostgreSQL and a log can hold. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= maxTextLength && storable(value)
    ? value
    : undefined

/** A version is a whole number from 1, as a number or in digits. */
export const versionOf = (value: unknown): number | undefined => {
  const version = typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : value
  return typeof version === 'number' && Number.isSafeInteger(version) && version >= 1 ? version : undefined
}

/** W3C trace context, version 00, to the letter; anything else is no trace. */
export const traceparentOf = (value: unknown): string | undefined => {
  if (typeof value !== 'string' || value.length !== 55) return undefined
  const [, trace, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(value) ?? []
  return trace && span && !zeros.test(trace) && !zeros.test(span) ? value : undefined
}

/** Which try this is, from 1. */
export const attemptOf = (headers: Readonly<Record<string, unknown>> | undefined): number => {
  const attempt = headers?.['x-attempt']
  return typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt >= 1 && attempt <= 1_000
    ? attempt
    : 1
}

/** No NUL (PostgreSQL refuses it) and no half of a surrogate pair (it would be changed silently). */
export const storable = (text: string): boolean => !text.includes('\u0000') && !/\p{Surrogate}/u.test(text)
