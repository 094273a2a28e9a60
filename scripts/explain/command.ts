import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import {
  type Config,
  ConfigError,
  colorWanted,
  operatorSettings,
  readConfig,
  serviceSettings,
} from '../../shared/config/index.ts'
import { Id } from '../../shared/contracts/index.ts'
import { Refused, Unavailable } from '../../shared/failure/index.ts'
import { commandWithExamples, exitCodes, sayError } from '../infra/index.ts'
import { explain } from './explain.ts'
import { jsonOf } from './json.ts'
import { mermaidOf } from './mermaid.ts'
import { withClients } from './read-rows.ts'
import { textOf } from './text.ts'
import { type Trace, textWithoutOrder, tracesOf } from './without-order.ts'

interface Flags {
  json?: true
  mermaid?: true
  broker: boolean
}

const Settings = z.object({
  ...operatorSettings,
  ORDER_DEADLINE_MS: serviceSettings.ORDER_DEADLINE_MS,
})

const narrowest = 40
const exampleId = '01900000-0000-7000-8000-000000000001'

const uuid = (text: string): string => {
  const parsed = Id.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError('It must be a UUID, as POST /orders answers it.')
}

/** `npm run explain`; the process's exit code is set to what came of it. */
export const explainCommand = (): Command =>
  commandWithExamples(
    'npm run explain --',
    'Tells what happened for one order, from the rows of the three services: each event, by whom, its waits hop by hop; and where it is stuck, why, and what to do. Reads only. docs/explain.md shows how to read it.',
    [
      `npm run explain -- ${exampleId}`,
      `npm run explain -- ${exampleId} --json`,
      `npm run --silent explain -- ${exampleId} --mermaid > run.mmd`,
      `POSTGRES_URL=postgres://me:secret@db:5432 AMQP_URL=amqp://me:secret@mq:5672 npm run explain -- ${exampleId}`,
    ],
  )
    .argument('<orderId>', 'the id of the order', uuid)
    .addOption(new Option('--json', 'print everything as JSON').conflicts('mermaid'))
    .option('--mermaid', 'print a Mermaid sequence diagram of this run')
    .option('--no-broker', 'do not look at the broker: no dead letters, no queues')
    .addHelpText(
      'after',
      '\nThe deadline is judged by ORDER_DEADLINE_MS: give it here as the order service has it.' +
        '\nExit codes: 0 explained (also what is left of an order whose row is gone), 1 no such order, 2 wrong usage or no such database, 69 a database is unavailable, 78 the environment is not usable.',
    )
    .action(run)

const run = async (orderId: string, flags: Flags) => {
  try {
    process.exitCode = await tell(orderId, readConfig(Settings), flags)
  } catch (error) {
    sayError(error)
    process.exitCode = exitCodeOf(error)
  }
}

const exitCodeOf = (error: unknown): number => {
  if (error instanceof Refused) return exitCodes.usage
  if (error instanceof Unavailable) return exitCodes.unavailable
  return error instanceof ConfigError ? error.exitCode : exitCodes.failed
}

const tell = async (orderId: string, config: Config<typeof Settings>, flags: Flags): Promise<number> => {
  const { postgresUrl, sagaNamespace: namespace } = config
  const explanation = await explain(orderId, {
    postgresUrl,
    amqpUrl: flags.broker ? config.amqpUrl : undefined,
    namespace,
    deadlineMs: config.orderDeadlineMs,
  })
  if (explanation === undefined) {
    const traces = await withClients(postgresUrl, namespace, (clients) => tracesOf(clients, orderId))
    return tellWithoutOrder(orderId, traces, flags)
  }
  if (flags.json) console.log(JSON.stringify(jsonOf(explanation), null, 2))
  else if (flags.mermaid) console.log(mermaidOf(explanation))
  else
    console.log(textOf(explanation, { colors: colorWanted(process.stdout), width: widthOf(process.stdout) }))
  return exitCodes.ok
}

/** There is no diagram of it: of what is known, too little is in an order. */
const tellWithoutOrder = (orderId: string, traces: readonly Trace[], { json, mermaid }: Flags): number => {
  if (traces.length === 0 || mermaid) {
    console.error(`There is no order ${orderId}.`)
    console.error('next: compare the id with the answer of POST /orders, and SAGA_NAMESPACE with its service')
    return exitCodes.failed
  }
  console.log(json ? JSON.stringify({ order: null, traces }, null, 2) : textWithoutOrder(orderId, traces))
  return exitCodes.ok
}

/** COLUMNS counts where there is no terminal; a file is not broken into lines. */
const widthOf = ({ columns }: { columns?: number }): number | undefined => {
  const width = columns ?? Number(process.env.COLUMNS)
  return Number.isInteger(width) && width > 0 ? Math.max(narrowest, width) : undefined
}
