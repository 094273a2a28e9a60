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

/** Refuses when AMQP_URL names another broker user than EVENT_PUBLISHERS has for the service. */
const guardUser = (
  { amqpUrl, eventPublishers }: Settings,
  service: ServiceName,
  { rule, flag }: { rule: string; flag: string },
): void => {
  const expected = eventPublishers[service]
  const user = decodeURIComponent(new URL(brokerUrls(amqpUrl)[0] as string).username)
  if (expected === undefined || expected === user) return
  throw new Refused(
    'invalid',
    `${rule} the broker user ${expected} (EVENT_PUBLISHERS), and AMQP_URL names ${user}.`,
    { code: 'outbox.publisher', next: `the same command with ${flag} and that user in AMQP_URL` },
  )
}

/** Events are believed only from their service's broker user, where EVENT_PUBLISHERS names one. */
export const guardPublisher = (settings: Settings, service: ServiceName): void =>
  guardUser(settings, service, {
    rule: `Events of ${service} are believed only from`,
    flag: `--service ${service}`,
  })

/** A consumer believes a copy as to who first sent it only when its own user made the copy; anybody else's is a forgery, and dead again. */
export const guardCopies = (settings: Settings, service: ServiceName): void =>
  guardUser(settings, service, {
    rule: `What ${service}.events gave up on can be given back only by`,
    flag: `--queue ${service}.events`,
  })

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
