import { z } from 'zod'

/**
 * The kinds of values an environment key can have, written strictly. No message repeats the value: whatever is in the
 * environment may be a secret in the wrong place.
 */
const text = (expected: string) =>
  z.string({ error: (issue) => (issue.input === undefined ? `is not set; ${expected}` : expected) })

const digitsOnly = /^(0|[1-9]\d{0,15})$/

/** A whole number written in digits only: no sign, no point, no exponent, no blanks. */
const wholeNumber = (min: number, max: number) => {
  const expected = `must be a whole number from ${min} to ${max}`
  const inRange = (value: string) => digitsOnly.test(value) && Number(value) >= min && Number(value) <= max
  return text(expected).refine(inRange, expected).transform(Number)
}

export const integer = (range: { min: number; max: number; default: number }) =>
  wholeNumber(range.min, range.max).default(range.default)

/** `on` or `off`, read as true or false. */
export const onOff = (byDefault: boolean) =>
  text('must be on or off')
    .refine((value) => value === 'on' || value === 'off', 'must be on or off')
    .transform((value) => value === 'on')
    .default(byDefault)

export const oneOf = <const V extends string>(values: readonly V[], byDefault: NoInfer<V>) => {
  const expected = `must be one of ${values.join(', ')}`
  const among = z.custom<V>((value) => values.some((one) => one === value), expected)
  return among.default(() => byDefault as never)
}

/** A TCP port; 0 lets the system choose a free one. */
export const port = (byDefault: number) => integer({ min: 0, max: 65_535, default: byDefault })

/** A name or address to listen on. */
export const host = (byDefault: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,253}$/, 'must be a host name or an address')
    .default(byDefault)

/** Milliseconds, comma separated: how long each next retry waits. */
export const delays = (byDefault: readonly number[]) => {
  const expected = 'must be 1 to 10 whole numbers from 1 to 86400000, comma separated'
  const good = (part: string) => digitsOnly.test(part) && Number(part) >= 1 && Number(part) <= 86_400_000
  return text(expected)
    .refine((value) => value.split(',').length <= 10 && value.split(',').every(good), expected)
    .transform((value) => value.split(',').map(Number))
    .default([...byDefault])
}

/** Prefix of broker and database names; letters, digits, - and _, at most 32; empty for none. */
export const namespace = z
  .string()
  .regex(/^[a-z0-9_-]{0,32}$/, 'must be at most 32 of a-z, 0-9, _ and -')
  .default('')

interface UrlRules {
  schemes: readonly string[]
  example: string
  /** Several, comma separated, each as it must be, with one user and path. */
  severalAllowed?: boolean
  userRequired?: boolean
  databaseRequired?: boolean
}

const parsedUrl = (value: string): URL | undefined => {
  try {
    const url = new URL(value)
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part)
    return url
  } catch {
    return undefined
  }
}

/** The URLs in a value that may be several: a comma parts them only where the next one begins. */
export const urlsIn = (value: string): string[] => value.split(/,(?=[a-z]+:\/\/)/)

const url = (rules: UrlRules) => {
  const expected = `must be a URL like ${rules.example}`
  return text(expected).superRefine((value, context) => {
    const urls = rules.severalAllowed ? urlsIn(value) : [value]
    const message =
      urls.map((one) => urlProblem(one, rules)).find((problem) => problem !== undefined) ??
      (accounts(urls).size > 1 ? 'must name the same user and the same path in each URL' : undefined)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

const accounts = (urls: readonly string[]) =>
  new Set(urls.map((one) => `${parsedUrl(one)?.username} ${parsedUrl(one)?.pathname}`))

const urlProblem = (
  value: string,
  { schemes, example, userRequired = false, databaseRequired = false }: UrlRules,
): string | undefined => {
  const it = parsedUrl(value)
  if (it === undefined || !schemes.includes(it.protocol.slice(0, -1)) || it.hostname === '')
    return `must be a URL like ${example}`
  if (userRequired && (it.username === '' || it.password === ''))
    return `must name a user and a password, as in ${example}`
  if (databaseRequired && !/^\/[^/]+$/.test(it.pathname)) return `must name a database, as in ${example}`
  return undefined
}

/** The URL of one PostgreSQL database. */
export const databaseUrl = url({
  schemes: ['postgres', 'postgresql'],
  example: 'postgres://USER:PASSWORD@127.0.0.1:5432/DATABASE',
  databaseRequired: true,
})

/** The URL of a PostgreSQL server. */
export const serverUrl = url({
  schemes: ['postgres', 'postgresql'],
  example: 'postgres://USER:PASSWORD@127.0.0.1:5432',
})

/**
 * The URL of a RabbitMQ server, or those of a cluster's nodes, comma separated; user and password are required, since amqplib would
 * silently be guest without.
 */
export const amqpUrl = url({
  schemes: ['amqp', 'amqps'],
  example: 'amqp://USER:PASSWORD@127.0.0.1:5672',
  severalAllowed: true,
  userRequired: true,
})

/** The URL of RabbitMQ's management API. */
export const managementUrl = url({
  schemes: ['http', 'https'],
  example: 'http://USER:PASSWORD@127.0.0.1:15672',
  userRequired: true,
})
