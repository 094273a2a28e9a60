import { type CommandName, commands } from '../contracts/index.ts'
import type { Resources } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import {
  type Consumer,
  consumeDefault,
  inNamespace,
  type Outcome,
  readBody,
  traceparentOf,
  uuidOf,
} from '../messaging/index.ts'
import { type Procedure, serveProcedure } from '../rpc/index.ts'
import type { Broker } from './broker.ts'
import type { ServiceConfig } from './config.ts'
import { outcomeOfError } from './listen.ts'
import type { CommandDoor } from './manifest.ts'
import type { Metrics } from './metrics.ts'
import { untilAvailable } from './until-available.ts'

export interface DoorParts {
  broker: Broker
  config: ServiceConfig
  metrics: Metrics
  log: Log
  signal: AbortSignal
  resources: Resources
}

/** How long a consumer that stops waits for what it has in hand. */
export const drainTimeoutMs = 5_000

/** Works on the command queues and serves the procedures of a service, once the topology stands. */
export const openDoors = (
  doors: { procedures: readonly Procedure[]; commands: readonly CommandDoor[] },
  parts: DoorParts,
): void => {
  const { broker, signal, resources } = parts
  const opened: Consumer[] = []
  const open = async () => {
    await broker.topology.ready(signal)
    opened.push(...doors.commands.map((door) => openCommand(door, parts)))
    opened.push(...doors.procedures.map((served) => openProcedure(served, parts)))
  }
  const opening = open().catch((error) => {
    if (!signal.aborted) throw error
  })
  resources.add('the command and RPC doors', async () => {
    await opening
    await Promise.all(opened.map((door) => door.stop()))
  })
}

const openProcedure = (served: Procedure, { broker, config, metrics, log }: DoorParts): Consumer =>
  serveProcedure(broker.consuming, served, {
    publisher: broker.publisher,
    namespace: config.sagaNamespace,
    prefetch: config.prefetch,
    timeoutMs: config.rpcTimeoutMs,
    redeclare: broker.topology.redeclare,
    observer: metrics.rpc,
    log,
  })

const openCommand = (door: CommandDoor, parts: DoorParts): Consumer => {
  const { broker, config, metrics, log } = parts
  return consumeDefault(broker.consuming, {
    queue: inNamespace(config.sagaNamespace, door.name),
    prefetch: config.prefetch,
    handle: commandHandler(door, parts),
    publisher: broker.publisher,
    retryDelaysMs: config.retryDelaysMs,
    redeclare: broker.topology.redeclare,
    observer: metrics.consumer,
    drainTimeoutMs,
    log,
  })
}

/** A command is checked here, once; wrong ones go to the dead-letter queue with what is wrong. */
const commandHandler =
  (door: CommandDoor, { log, signal }: DoorParts) =>
  async (message: Parameters<Parameters<typeof consumeDefault>[1]['handle']>[0]): Promise<Outcome> => {
    const messageId = uuidOf(message.properties.messageId)
    if (messageId === undefined)
      return { kind: 'dead-letter', code: 'command.id', reason: 'the messageId is not a UUID' }
    const body = readBody(message)
    if (!body.ok) return { kind: 'dead-letter', code: body.code, reason: body.reason }
    const parsed = commands[door.name satisfies CommandName].data.safeParse(body.data)
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message: what }) => `/${path.join('/')} ${what}`)
      return { kind: 'dead-letter', code: 'command.invalid', reason: problems.join('; ') }
    }
    const traceparent = traceparentOf(message.properties.headers?.traceparent)
    const cause = { id: messageId, traceparent }
    const run = () => door.run(parsed.data, { messageId, cause }).then(() => done)
    const waiting = (attempt: number, reason: string) =>
      log.warn({ command: door.name, messageId, attempt, reason }, 'a command waits')
    const outcome = await untilAvailable(run, { signal, waiting }).catch(outcomeOfError)
    return signal.aborted && outcome.kind === 'retry' ? { kind: 'leave' } : outcome
  }

const done: Outcome = { kind: 'ack' }
