import { randomUUID } from 'node:crypto'
import { Option } from 'commander'
import { events, services } from '../../shared/contracts/index.ts'
import { deadQueue, eventQueue, retryQueue } from '../../shared/messaging/index.ts'
import {
  createSender,
  keepRun,
  noteEnd,
  noteMatched,
  noteProgress,
  replayHeader,
} from '../../shared/outbox/index.ts'
import { commandWithExamples, exitCodes } from '../infra/command.ts'
import { duration, envOption, moment, serviceOption, servicesOf, wholeNumber } from './arguments.ts'
import { type Broker, withBroker } from './broker.ts'
import { type OutboxDatabase, withOutboxes } from './databases.ts'
import { idsIn } from './ids-in.ts'
import { type Missing, missing, speaksTo } from './missing.ts'
import { operator } from './replay-run.ts'
import {
  commanded,
  guardProduction,
  guardPublisher,
  interruptible,
  readSettings,
  type Settings,
} from './settings.ts'
import { createJsonList, plural, say } from './terminal.ts'
import { replayTransport } from './transport.ts'

interface Flags {
  service?: string
  after: number
  since?: Date
  repair?: true
  rate: number
  limit: number
  env?: string
  json?: true
}

const defaultAfterSeconds = 10
const defaultRate = 200
const defaultLimit = 10_000

export const reconcileCommand = () =>
  commandWithExamples(
    'reconcile',
    'Compares the outboxes with the inboxes: lists every event that was published and that a service, which must by its choreography table, has not handled.',
    [
      'npm run outbox -- reconcile',
      'npm run outbox -- reconcile --repair',
      'npm run outbox -- reconcile --since 1h --after 30s --json',
    ],
  )
    .addOption(
      new Option('--after <age>', 'published at least this long ago')
        .argParser(duration)
        .default(defaultAfterSeconds, `${defaultAfterSeconds}s`),
    )
    .option('--since <time>', 'published from then on: a time, a day, or how long ago', moment)
    .addOption(serviceOption())
    .option('--repair', 'send exactly these again, each to exactly the queue of who has not handled it')
    .option('--rate <n>', 'events per second of a repair', wholeNumber(1, 100_000), defaultRate)
    .option('--limit <n>', 'read so many of each retry and dead-letter queue', wholeNumber(1), defaultLimit)
    .addOption(envOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nLeft out: what is on the retry ladder or in a dead-letter queue, and what may still wait in the queue.\nExit codes: 0 nothing is missing or all of it was sent, 4 something is missing, 69 a server is unavailable.',
    )
    .action(commanded(reconcile))

const reconcile = async (flags: Flags): Promise<number> => {
  const settings = readSettings()
  const chosen = servicesOf(flags.service)
  if (flags.repair) {
    guardProduction(settings, flags.env)
    for (const service of chosen) guardPublisher(settings, service)
  }
  const signal = interruptible()
  return withOutboxes(settings, services, (outboxes) =>
    withBroker(settings, async (broker) => {
      const out = flags.json ? createJsonList({ repair: flags.repair === true }, 'missing') : undefined
      const id = randomUUID()
      const unread: Record<string, number> = {}
      let total = 0
      let sent = 0
      for (const to of outboxes) {
        const around = await lookAround(broker, settings, to.service, { most: flags.limit, signal })
        Object.assign(unread, around.unread)
        sayUnread(around.unread, flags.limit)
        for (const from of outboxes.filter(
          (it) => chosen.includes(it.service) && speaksTo(it.service, to.service, (type) => events[type].by),
        )) {
          const repair = flags.repair
            ? createRepair({ id, from, broker, queue: around.queue, signal, flags })
            : undefined
          const found = missing(from, to, {
            ...around,
            afterSeconds: flags.after,
            since: flags.since,
            signal,
          })
          let next = await found.next()
          for (; !next.done; next = await found.next()) {
            total += 1
            tell(next.value, from, around.queue, out)
            await repair?.send(next.value)
          }
          sent += (await repair?.end()) ?? 0
          sayLeftOut(next.value, from, around.queue)
        }
      }
      const left = total - sent
      if (out) out.end({ total, sent, ...(sent > 0 && { runId: id }), unread })
      else if (total > 0 || !signal.aborted) console.log(summary(total, sent, flags.repair === true))
      if (signal.aborted) say('interrupted; not everything was compared')
      if (signal.aborted) return exitCodes.interrupted
      return left > 0 ? exitCodes.violations : exitCodes.ok
    }),
  )
}

const summary = (total: number, sent: number, repaired: boolean): string => {
  if (total === 0) return 'nothing is missing'
  if (!repaired)
    return `${plural(total, 'event')} missing; npm run outbox -- reconcile --repair sends exactly these`
  return `${plural(total, 'event')} missing, ${sent} sent again`
}

const tell = (
  { row, publishedAt }: Missing,
  { service }: OutboxDatabase,
  queue: string,
  out: ReturnType<typeof createJsonList> | undefined,
) => {
  const { id, type, eventId, aggregateId: orderId } = row
  if (out) out.add({ service, id: String(id), type, eventId, orderId, publishedAt, to: queue })
  else
    console.log(
      `${service} ${id} ${type} ${eventId} order ${orderId} -> ${queue}, published ${publishedAt.toISOString()}`,
    )
}

const sayLeftOut = (
  left: { waiting: number; elsewhere: number },
  { service }: OutboxDatabase,
  queue: string,
) => {
  if (left.waiting > 0) say(`${queue}: ${plural(left.waiting, 'event')} of ${service} may wait there still`)
  if (left.elsewhere > 0)
    say(
      `${queue}: ${plural(left.elsewhere, 'event')} of ${service} on the retry ladder or dead; npm run outbox -- dead list`,
    )
}

const sayUnread = (unread: Record<string, number>, limit: number) => {
  for (const [queue, more] of Object.entries(unread))
    say(
      `${queue}: read ${limit} of ${limit + more}; events of the others may be listed as missing: --limit ${limit + more} reads them all`,
    )
}

/** What the broker still has for a service, and how much of it was not read, by queue. */
const lookAround = async (
  broker: Broker,
  { sagaNamespace, retryDelaysMs }: Settings,
  service: OutboxDatabase['service'],
  reading: { most: number; signal: AbortSignal },
) => {
  const queue = eventQueue(sagaNamespace, service)
  const apart = [...retryDelaysMs.map((_, index) => retryQueue(queue, index + 1)), deadQueue(queue)]
  const elsewhere = new Set<string>()
  const unread: Record<string, number> = {}
  for (const one of apart) {
    const found = await idsIn(broker, one, reading)
    for (const id of found.ids) elsewhere.add(id)
    if (found.unread > 0) unread[one] = found.unread
  }
  const waiting = (await broker.depthOf(queue))?.messages ?? 0
  return { queue, elsewhere, waiting, unread }
}

interface Repair {
  id: string
  from: OutboxDatabase
  broker: Broker
  queue: string
  signal: AbortSignal
  flags: Flags
}

/** Sends what is missing to one queue, and keeps that in the outbox's list of replays. */
const createRepair = ({ from: { service, sql }, broker, queue, signal, flags, ...run }: Repair) => {
  const id = randomUUID()
  let matched = 0
  let last = 0n
  const sender = createSender({
    transport: replayTransport(service, broker.publisher, queue),
    ratePerSecond: flags.rate,
    signal,
    onConfirmed: (lastId) => {
      last = lastId
    },
  })
  const begin = () =>
    keepRun(sql, {
      id,
      asOf: new Date(),
      startedBy: operator(),
      filter: { repair: run.id, afterSeconds: flags.after, ...(flags.since && { since: flags.since }) },
      target: queue,
      matched: 0,
      throughId: 0n,
    })
  return {
    async send({ row }: Missing) {
      if (matched === 0) await begin()
      matched += 1
      await sender.send([{ ...row, headers: { ...row.headers, [replayHeader]: run.id } }])
    },
    async end(): Promise<number> {
      if (matched === 0) return 0
      let problem: string | null = null
      try {
        await sender.settle()
      } catch (error) {
        problem = String(error)
        throw error
      } finally {
        await noteMatched(sql, id, matched)
        await noteProgress(sql, id, last, sender.confirmed())
        await noteEnd(sql, id, problem ?? (signal.aborted ? 'interrupted' : null))
      }
      return sender.confirmed()
    },
  }
}
