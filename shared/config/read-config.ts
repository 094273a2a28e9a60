import process from 'node:process'
import type { z } from 'zod'
import { urlsIn } from './pieces.ts'

/** sysexits.h: something is wrong with the configuration. */
export const configExitCode = 78

/** Everything that is wrong with the environment, at once: one line per problem, `KEY: what is wrong`. Holds no values. */
export class ConfigError extends Error {
  readonly code = 'config.invalid'
  readonly exitCode = configExitCode
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the environment is not usable:\n${problems.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Camel<K extends string> = K extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<K>

/** The values of a schema keyed by environment names, under their camelCase names: DATABASE_URL is `databaseUrl`. */
export type Config<S extends z.ZodObject> = {
  readonly [K in keyof z.output<S> & string as Camel<K>]: z.output<S>[K]
}

const camel = (key: string) => key.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())

/**
 * Reads what the schema names from the environment; an empty value counts as not set.
 * Throws ConfigError with every problem. With NODE_ENV=production, development credentials are a problem too.
 */
export const readConfig = <S extends z.ZodObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Config<S> => {
  const set = Object.keys(schema.shape).filter((key) => env[key] !== undefined && env[key] !== '')
  const values = Object.fromEntries(set.map((key) => [key, env[key]]))
  const parsed = schema.safeParse(values)
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${String(path[0] ?? 'environment')}: ${message}`)
  if (env.NODE_ENV === 'production') {
    const risky = set.filter((key) => key.endsWith('_URL') && hasDevelopmentCredentials(values[key] ?? ''))
    problems.push(
      ...risky.map((key) => `${key}: has no password or a default one, refused with NODE_ENV=production`),
    )
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return Object.fromEntries(
    Object.entries(parsed.data).map(([key, value]) => [camel(key), value]),
  ) as Config<S>
}

/** As readConfig, for a program's first line: prints the problems to stderr and exits 78. */
export const readConfigOrExit = <S extends z.ZodObject>(schema: S): Config<S> => {
  try {
    return readConfig(schema)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(error.exitCode)
  }
}

const defaults = new Set(['guest:guest', 'postgres:postgres'])
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** No password or one everybody knows, on a host that others can reach. */
const hasDevelopmentCredentials = (value: string): boolean =>
  urlsIn(value).some((url) => {
    if (!URL.canParse(url)) return false
    const { username, password, hostname } = new URL(url)
    return !loopback.test(hostname) && (password === '' || defaults.has(`${username}:${password}`))
  })
