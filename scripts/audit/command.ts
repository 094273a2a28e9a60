import { setTimeout as pause } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import {
  type Config,
  ConfigError,
  colorWanted,
  operatorSettings,
  readConfig,
  serviceSettings,
} from '../../shared/config/index.ts'
import { classifyDatabaseError, Refused, Unavailable } from '../../shared/failure/index.ts'
import { commandWithExamples, exitCodes, sayError } from '../infra/command.ts'
import { type AuditOptions, type AuditReport, audit } from './audit.ts'
import { reportText } from './report.ts'

interface Flags {
  json?: true
  watch?: number | true
  grace?: number
  order?: string
  broker?: boolean
}

const Settings = z.object({
  ...operatorSettings,
  ORDER_DEADLINE_MS: serviceSettings.ORDER_DEADLINE_MS,
  OUTBOX_RETENTION_HOURS: serviceSettings.OUTBOX_RETENTION_HOURS,
})

const watchSeconds = 10

const wholeNumber = (least: number) => (text: string) => {
  const value = Number(text)
  if (!/^\d{1,9}$/.test(text) || value < least)
    throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
  return value
}

const uuid = (text: string) => {
  if (!z.uuid().safeParse(text).success) throw new InvalidArgumentError('It must be a UUID.')
  return text.toLowerCase()
}

/** `npm run audit`; the process's exit code is set to what was found. */
export const auditCommand = (): Command =>
  commandWithExamples(
    'npm run audit --',
    'Checks money, stock, orders and events across the three services. Reads only. Each finding names the order, what is wrong, and the next command; docs/audit.md explains them.',
    [
      'npm run audit',
      'npm run audit -- --json > audit.json',
      'npm run audit -- --watch 5',
      'npm run audit -- --order 01900000-0000-7000-8000-000000000001',
      'POSTGRES_URL=postgres://me:secret@db:5432 AMQP_URL=amqp://me:secret@mq:5672 npm run audit -- --broker',
    ],
  )
    .option('--json', 'print the report as JSON; with --watch one line per look')
    .option(
      '--watch [seconds]',
      `look again every so often (default ${watchSeconds}) until Ctrl-C`,
      wholeNumber(1),
    )
    .option(
      '--grace <ms>',
      'how long work may be under way before it counts as left behind (default 5000)',
      wholeNumber(0),
    )
    .option('--order <id>', 'only this order', uuid)
    .option(
      '--broker',
      'fail when the broker is not there (without it: say so, and go on without dead letters)',
    )
    .option('--no-broker', 'do not look at the broker')
    .addHelpText(
      'after',
      '\nExit codes: 0 clean, 4 findings, 1 no such order, 2 wrong usage or no such database, 69 a server is unavailable, 78 the environment is not usable, 130 interrupted.',
    )
    .action(run)

const run = async (flags: Flags) => {
  try {
    const options = optionsOf(readConfig(Settings), flags)
    process.exitCode = flags.watch === undefined ? await once(options, flags) : await forever(options, flags)
  } catch (error) {
    sayError(error)
    process.exitCode = exitCodeOf(error)
  }
}

const exitCodeOf = (error: unknown): number => {
  if (error instanceof Refused) return exitCodes.usage
  if (isAway(error)) return exitCodes.unavailable
  return error instanceof ConfigError ? error.exitCode : exitCodes.failed
}

/** A server is not there, or went away in the middle of something. */
const isAway = (error: unknown): boolean =>
  error instanceof Unavailable || classifyDatabaseError(error) === 'unavailable'

const optionsOf = (config: Config<typeof Settings>, { grace, order, broker }: Flags): AuditOptions => ({
  postgresUrl: config.postgresUrl,
  namespace: config.sagaNamespace,
  amqpUrl: broker === false ? undefined : config.amqpUrl,
  brokerRequired: broker === true,
  deadlineMs: config.orderDeadlineMs,
  retentionHours: config.outboxRetentionHours,
  graceMs: grace,
  orderId: order,
})

const once = async (options: AuditOptions, flags: Flags): Promise<number> => {
  const report = await audit(options)
  const { PROCESSING, SUCCESS, FAILED } = report.orders
  if (options.orderId !== undefined && PROCESSING + SUCCESS + FAILED === 0 && report.clean) {
    console.error(`There is no order ${options.orderId}.`)
    console.error('next: compare the id with the answer of POST /orders, and SAGA_NAMESPACE with its service')
    return exitCodes.failed
  }
  print(report, flags)
  return report.clean ? exitCodes.ok : exitCodes.violations
}

const print = (report: AuditReport, { json, watch }: Flags) => {
  for (const notice of report.notices) console.error(notice)
  if (json) console.log(JSON.stringify(report, null, watch === undefined ? 2 : 0))
  else {
    const head = watch === undefined ? '' : `--- ${report.at}\n`
    console.log(`${head}${reportText(report, { colors: colorWanted(process.stdout) })}`)
  }
}

/** Until Ctrl-C. A server that is away for a while does not end the watch. */
const forever = async (options: AuditOptions, flags: Flags): Promise<number> => {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
  const everyMs = (flags.watch === true || flags.watch === undefined ? watchSeconds : flags.watch) * 1_000
  while (!ended.signal.aborted) {
    try {
      await once(options, flags)
    } catch (error) {
      if (!isAway(error)) throw error
      sayError(error)
    }
    await pause(everyMs, undefined, { signal: ended.signal }).catch(() => {})
  }
  return exitCodes.interrupted
}
