import { userInfo } from 'node:os'
import { z } from 'zod'
import { operatorSettings, readConfig } from '../../shared/config/index.ts'
import { Unavailable } from '../../shared/failure/index.ts'
import { mayNotCreate, whyNotPostgres, whyNotRabbit } from './probe.ts'
import { displayName, type Found, type ServerName, type Source } from './source.ts'

const probes = { postgres: whyNotPostgres, rabbitmq: whyNotRabbit }
const { POSTGRES_URL, AMQP_URL } = operatorSettings
const leaveRunning = async (): Promise<void> => {}

/** Named in the environment: that one and no other, so when it does not answer the search ends. Throws ConfigError when it is no URL. */
export const environmentSource: Source = async (server) => {
  const key = server === 'postgres' ? 'POSTGRES_URL' : 'AMQP_URL'
  const named = process.env[key]
  if (named === undefined || named === '') return `${key} is not set`
  const url = server === 'postgres' ? maintenanceDatabase() : readConfig(z.object({ AMQP_URL })).amqpUrl
  const reason = await probes[server](url)
  if (reason === undefined) return { url, stop: leaveRunning }
  if (reason === mayNotCreate)
    throw new Unavailable(`The user named in ${key} may not create databases`, {
      code: 'infra.may_not_create',
      next: `let it, as a superuser: ALTER ROLE .. CREATEDB; or name in ${key} a user that may`,
    })
  const database = /database ".*" does not exist/.test(reason) ? new URL(url).pathname : undefined
  throw new Unavailable(`${displayName[server]} named in ${key} does not answer (${reason})`, {
    code: 'infra.named_unavailable',
    next:
      database === undefined
        ? `start it, correct ${key}, or unset it`
        : `${key} names the server: leave out ${database}, the databases on it are found by themselves`,
  })
}

function maintenanceDatabase(): string {
  const url = new URL(readConfig(z.object({ POSTGRES_URL })).postgresUrl)
  if (url.pathname === '' || url.pathname === '/') url.pathname = '/postgres'
  return url.href
}

/** Answering on the default port with the credentials that development machines have. */
export const runningSource: Source = async (server) => {
  const reasons: string[] = []
  for (const url of usualUrls(server)) {
    const reason = await probes[server](url)
    if (reason === undefined) return { url, stop: leaveRunning } satisfies Found
    reasons.push(reason)
  }
  return [...new Set(reasons)].join(', ')
}

function usualUrls(server: ServerName): string[] {
  if (server === 'rabbitmq') return ['amqp://guest:guest@127.0.0.1:5672']
  const users = ['postgres', 'postgres:postgres', encodeURIComponent(userInfo().username)]
  return users.map((user) => `postgres://${user}@127.0.0.1:5432/postgres`)
}
