import { type Command, Option } from 'commander'
import { z } from 'zod'
import { operatorSettings, readConfig } from '../shared/config/index.ts'
import { type ServiceName, services } from '../shared/contracts/index.ts'
import {
  connectBroker,
  consumeFanout,
  consumeTopic,
  parseEnvelope,
  serviceExchange,
  topicExchange,
} from '../shared/messaging/index.ts'
import { commandWithExamples, exitCodes, runCommand } from './infra/index.ts'

interface Flags {
  service?: ServiceName
  json?: boolean
}

type Handle = Parameters<typeof consumeTopic>[1]['handle']

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const lineOf = ({
  type,
  subject,
  routingKey,
  data,
}: Extract<ReturnType<typeof parseEnvelope>, { ok: true }>['envelope']) =>
  `${new Date().toISOString()}  ${routingKey.padEnd(15)} ${type.padEnd(16)} ${subject ?? ''}  ${JSON.stringify(data)}`

const print =
  (json: boolean): Handle =>
  (message) => {
    const parsed = parseEnvelope(message)
    if (!parsed.ok) return console.error(`unreadable: ${parsed.reason}`)
    console.log(json ? JSON.stringify(parsed.envelope) : lineOf(parsed.envelope))
  }

const untilInterrupted = () =>
  new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })

await runCommand(
  commandWithExamples(
    'npm run observe --',
    'Watches events go by, from now on, over a queue of its own that leaves nothing behind. Nobody is disturbed.',
    ["npm run observe -- 'update.*'", 'npm run observe', 'npm run observe -- --service order --json'],
  )
    .argument('[patterns...]', 'routing keys as the topic exchange matches them (default: all, "#")')
    .addOption(
      new Option('--service <name>', 'all that one service says, from its fanout exchange').choices(services),
    )
    .option('--json', 'an event a line, with its envelope')
    .action(async (patterns: string[], { service, json = false }: Flags, command: Command) => {
      if (service !== undefined && patterns.length > 0)
        command.error('--service shows all of one service: leave out the patterns, or leave out --service')
      const { amqpUrl, sagaNamespace: namespace } = readConfig(z.object(operatorSettings))
      const connection = connectBroker({ url: amqpUrl, name: 'observe', log: silent })
      await connection.connected(AbortSignal.timeout(5_000))
      const watching = {
        handle: print(json),
        log: silent,
        onSubscribed: () => console.error('watching; Ctrl-C ends'),
      }
      const observing =
        service === undefined
          ? consumeTopic(connection, {
              ...watching,
              exchange: topicExchange(namespace),
              patterns: patterns.length === 0 ? ['#'] : patterns,
            })
          : consumeFanout(connection, { ...watching, exchange: serviceExchange(namespace, service) })
      await untilInterrupted()
      await observing.stop()
      await connection.close()
      process.exitCode = exitCodes.ok
    }),
)
