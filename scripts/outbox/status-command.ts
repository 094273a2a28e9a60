import { setTimeout as pause } from 'node:timers/promises'
import { services } from '../../shared/contracts/index.ts'
import { commandWithExamples, exitCodes, sayError } from '../infra/command.ts'
import { wholeNumber } from './arguments.ts'
import { isLoginRefused, withBroker } from './broker.ts'
import { withOutboxes } from './databases.ts'
import { commanded, interruptible, isAway, readSettings, type Settings } from './settings.ts'
import { type BrokerStatus, readBrokerStatus, readServiceStatus, type Status } from './status.ts'
import { statusText } from './status-text.ts'

interface Flags {
  watch?: number | true
  json?: true
}

const watchSeconds = 2

export const statusCommand = () =>
  commandWithExamples(
    'status',
    'How the outboxes stand: what waits and since when, what is published per second, what is tried again, what is parked and why, what is dead and why.',
    ['npm run outbox -- status', 'npm run outbox -- status --watch', 'npm run outbox -- status --json'],
  )
    .option(
      '--watch [seconds]',
      `look again every so often (default ${watchSeconds}) until Ctrl-C`,
      wholeNumber(1, 86_400),
    )
    .option('--json', 'print it as JSON; with --watch one line per look')
    .action(
      commanded(async (flags: Flags) => {
        const settings = readSettings()
        return flags.watch === undefined ? once(settings, flags) : forever(settings, flags)
      }),
    )

const once = async (settings: Settings, { json, watch }: Flags): Promise<number> => {
  const perService = await withOutboxes(settings, services, async (outboxes) => {
    const found = []
    for (const outbox of outboxes) found.push(await readServiceStatus(outbox))
    return found
  })
  let broker: BrokerStatus | undefined
  let noBroker = 'not there'
  let code: number = exitCodes.ok
  try {
    broker = await withBroker(settings, (it) => readBrokerStatus(it, settings))
  } catch (error) {
    if (!isAway(error)) throw error
    sayError(error)
    if (isLoginRefused(error)) noBroker = 'refused the login'
    code = exitCodes.unavailable
  }
  const status: Status = { at: new Date(), services: perService, broker: broker ?? null }
  if (json) console.log(JSON.stringify(status, null, watch === undefined ? 2 : 0))
  else
    console.log(
      `${watch === undefined ? '' : `--- ${status.at.toISOString()}\n`}${statusText(status, noBroker)}`,
    )
  return code
}

/** Until Ctrl-C. A server that is away for a while does not end the watch. */
const forever = async (settings: Settings, flags: Flags): Promise<number> => {
  const signal = interruptible()
  const everyMs = (typeof flags.watch === 'number' ? flags.watch : watchSeconds) * 1_000
  while (!signal.aborted) {
    await once(settings, flags).catch((error) => {
      if (!isAway(error)) throw error
      sayError(error)
    })
    await pause(everyMs, undefined, { signal }).catch(() => {})
  }
  return exitCodes.interrupted
}
