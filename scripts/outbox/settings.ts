import { z } from 'zod'
import {
  type Config,
  ConfigError,
  environment,
  operatorSettings,
  readConfig,
  serviceSettings,
} from '../../shared/config/index.ts'
import type { ServiceName } from '../../shared/contracts/index.ts'
import { classifyDatabaseError, Refused, Unavailable } from '../../shared/failure/index.ts'
import { brokerUrls } from '../../shared/messaging/index.ts'
import { exitCodes, sayError } from '../infra/command.ts'
import { Interrupted } from './question.ts'

const Settings = z.object({
  ...operatorSettings,
  RETRY_DELAYS_MS: serviceSettings.RETRY_DELAYS_MS,
  OUTBOX_RETENTION_HOURS: serviceSettings.OUTBOX_RETENTION_HOURS,
  EVENT_PUBLISHERS: serviceSettings.EVENT_PUBLISHERS,
  FAULT: serviceSettings.FAULT,
})

export type Settings = Config<typeof Settings>

/** What the services read too, from the same environment. Throws ConfigError. */
export const readSettings = (): Settings => readConfig(Settings)

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Servers on another machine, or NODE_ENV=production, are taken for production: changes need `--env production`. */
export const guardProduction = (settings: Settings, env: string | undefined): void => {
  const elsewhere = [settings.postgresUrl, ...brokerUrls(settings.amqpUrl)].find(
    (url) => !loopback.test(new URL(url).hostname),
  )
  const production = environment().NODE_ENV === 'production'
  if (env === 'production' || (elsewhere === undefined && !production)) return
  const why =
    elsewhere === undefined ? 'NODE_ENV is production' : `${new URL(elsewhere).host} is not this machine`
  throw new Refused('invalid', `This would change a production system (${why}).`, {
    code: 'outbox.production',
    next: 'if it is meant, the same command with --env production',
  })
}

const brokerUser = ({ amqpUrl }: Settings): string =>
  decodeURIComponent(new URL(brokerUrls(amqpUrl)[0] as string).username)

/** Events are believed only from their service's broker user, where EVENT_PUBLISHERS names one. */
export const guardPublisher = (settings: Settings, service: ServiceName): void => {
  const expected = settings.eventPublishers[service]
  const user = brokerUser(settings)
  if (expected === undefined || expected === user) return
  throw new Refused(
    'invalid',
    `Events of ${service} are believed only from the broker user ${expected} (EVENT_PUBLISHERS), and AMQP_URL names ${user}.`,
    {
      code: 'outbox.publisher',
      next: `the same command with --service ${service} and that user in AMQP_URL`,
    },
  )
}

/** Of a copy a consumer believes who first sent it only when the copy is by its own user; by anybody else it is a forgery, and dead again. */
export const guardCopies = (settings: Settings, service: ServiceName): void => {
  const expected = settings.eventPublishers[service]
  const user = brokerUser(settings)
  if (expected === undefined || expected === user) return
  throw new Refused(
    'invalid',
    `What ${service}.events gave up on can be given back only by the broker user ${expected} (EVENT_PUBLISHERS), and AMQP_URL names ${user}.`,
    {
      code: 'outbox.publisher',
      next: `the same command with --queue ${service}.events and that user in AMQP_URL`,
    },
  )
}

/** Runs a command's work, says on stderr what went wrong, and sets the exit code. */
export const commanded =
  <Args extends unknown[]>(work: (...args: Args) => Promise<number>) =>
  async (...args: Args): Promise<void> => {
    try {
      process.exitCode = await work(...args)
    } catch (error) {
      sayError(error)
      process.exitCode = exitCodeOf(error)
    }
  }

const exitCodeOf = (error: unknown): number => {
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (error instanceof Refused) return exitCodes.usage
  if (error instanceof ConfigError) return error.exitCode
  return isAway(error) ? exitCodes.unavailable : exitCodes.failed
}

/** A server is not there, or went away in the middle of something. */
export const isAway = (error: unknown): boolean =>
  error instanceof Unavailable || classifyDatabaseError(error) === 'unavailable'

/** Aborts at Ctrl-C and at SIGTERM; a second one ends the process at once. */
export const interruptible = (): AbortSignal => {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
  return ended.signal
}
