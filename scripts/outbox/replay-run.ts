import { randomUUID } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { describe, Refused } from '../../shared/failure/index.ts'
import { createFaults } from '../../shared/lifecycle/index.ts'
import {
  claimRun,
  filterFromJson,
  filterToJson,
  keepRun,
  measure,
  ReplayRefused,
  type ReplayRun,
  readRun,
  readRuns,
  replay,
} from '../../shared/outbox/index.ts'
import { exitCodes } from '../infra/command.ts'
import { type Broker, withBroker } from './broker.ts'
import { type OutboxDatabase, withOutboxes } from './databases.ts'
import { createProgress } from './progress.ts'
import { confirmed, declined } from './question.ts'
import type { ReplayFlags, ReplayRequest } from './replay-request.ts'
import { guardProduction, guardPublisher, interruptible, type Settings } from './settings.ts'
import { findTarget } from './target.ts'
import { plural, say } from './terminal.ts'
import { replayTransport } from './transport.ts'

/** Who is at the keyboard, for the record. */
export const operator = (): string => `${userInfo().username}@${hostname()}`

/** Sends what the request matches, from its beginning. */
export const beginReplay = async (
  settings: Settings,
  { services: chosen, filter }: ReplayRequest,
  flags: ReplayFlags,
): Promise<number> => {
  guardProduction(settings, flags.env)
  for (const service of chosen) guardPublisher(settings, service)
  return withOutboxes(settings, chosen, (outboxes) =>
    withBroker(settings, async (broker) => {
      const to = flags.to === undefined ? undefined : await findTarget(flags.to, settings, broker)
      const measured = []
      for (const { sql } of outboxes) measured.push(await measure(sql, filter))
      const total = measured.reduce((sum, { matched }) => sum + matched, 0)
      if (flags.status === undefined) await sayWhatIsLeft(outboxes, filter)
      const where = to === undefined ? 'everybody who listens' : to.queue
      if (total > 0 && !(await confirmed(`Send ${plural(total, 'event')} to ${where}?`, flags.yes)))
        return declined()
      const id = randomUUID()
      const kept = { ...filterToJson(filter), services: chosen }
      // All of them before the first event goes out: a run that is killed is known everywhere.
      for (const [index, { sql }] of outboxes.entries())
        await keepRun(sql, {
          ...measured[index]!,
          id,
          startedBy: operator(),
          filter: kept,
          target: to?.queue ?? null,
        })
      return send(outboxes, broker, id, settings, flags)
    }),
  )
}

const sayWhatIsLeft = async (outboxes: readonly OutboxDatabase[], filter: ReplayRequest['filter']) => {
  for (const { service, sql } of outboxes) {
    const pending = await measure(sql, { ...filter, status: 'pending' })
    const parked = await measure(sql, { ...filter, status: 'parked' })
    if (pending.matched > 0) say(`${service}: ${plural(pending.matched, 'pending row')} left to the relay`)
    if (parked.matched > 0)
      say(
        `${service}: ${plural(parked.matched, 'parked row')} left out; npm run outbox -- retry sends them in order`,
      )
  }
}

const refuse = (sentence: string): never => {
  throw new Refused('not_found', sentence, { code: 'outbox.run', next: 'npm run outbox -- runs' })
}

/** Goes on with a run where it was ended. */
export const resumeReplay = (settings: Settings, flags: ReplayFlags): Promise<number> => {
  guardProduction(settings, flags.env)
  return withOutboxes(settings, services, async (outboxes) => {
    const run = await findRun(outboxes, flags.resume)
    const chosen = (run.filter.services ?? services) as ServiceName[]
    for (const service of chosen) guardPublisher(settings, service)
    const mine = outboxes.filter(({ service }) => chosen.includes(service))
    return withBroker(settings, async (broker) => {
      for (const { sql } of mine) await completeRun(sql, run)
      return send(mine, broker, run.id, settings, flags)
    })
  })
}

const isReplay = ({ filter }: ReplayRun) => filter.repair === undefined

const findRun = async (
  outboxes: readonly OutboxDatabase[],
  named: string | true | undefined,
): Promise<ReplayRun> => {
  const found: ReplayRun[] = []
  for (const { sql } of outboxes) {
    if (typeof named === 'string') found.push(...[await readRun(sql, named)].filter((it) => it !== undefined))
    else found.push(...(await readRuns(sql)))
  }
  const open = found
    .filter((run) => run.finishedAt === null && isReplay(run))
    .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())
  if (open[0] !== undefined) return open[0]
  if (typeof named !== 'string') return refuse('There is no unfinished replay.')
  return found.length > 0
    ? refuse(`The replay ${named} is finished.`)
    : refuse(`There is no replay ${named}.`)
}

/** A run that was killed while it was being written down has no row everywhere. */
const completeRun = async (sql: OutboxDatabase['sql'], { id, startedBy, filter, target }: ReplayRun) => {
  if ((await readRun(sql, id)) !== undefined) return
  await keepRun(sql, { ...(await measure(sql, filterFromJson(filter))), id, startedBy, filter, target })
}

/** Sends what is left of a run, one outbox after another. */
const send = async (
  outboxes: readonly OutboxDatabase[],
  broker: Broker,
  id: string,
  settings: Settings,
  { rate, json }: Pick<ReplayFlags, 'rate' | 'json'>,
): Promise<number> => {
  for (const { sql } of outboxes)
    if (!(await claimRun(sql, id))) refuse(`The replay ${id} is being sent by another process.`)
  const signal = interruptible()
  const crashPoint = createFaults(settings.fault)
  say(`replay ${id}`)
  let code: number = exitCodes.ok
  let reason: string | undefined
  for (const { service, sql } of outboxes) {
    const run = (await readRun(sql, id))!
    if (run.finishedAt !== null) continue
    const transport = replayTransport(service, broker.publisher, run.target)
    const progress = createProgress(service, run.matched, run.sent)
    let sent = run.sent
    const onProgress = (now: number) => {
      sent = now
      progress.show(now)
    }
    try {
      if (!(await replay({ sql, run, transport, ratePerSecond: rate, signal, onProgress, crashPoint })))
        code = exitCodes.interrupted
    } catch (error) {
      if (!(error instanceof ReplayRefused)) {
        sayHowToResume(id)
        throw error
      }
      code = exitCodes.failed
      reason = describe(error)
    }
    progress.end(sent)
    if (code !== exitCodes.ok) break
  }
  await report(outboxes, id, json)
  if (reason !== undefined) say(`${reason}\nnext: npm run migrate declares what is missing; then go on`)
  if (code !== exitCodes.ok) sayHowToResume(id)
  return code
}

const sayHowToResume = (id: string) => say(`go on with: npm run outbox -- replay --resume ${id}`)

const report = async (outboxes: readonly OutboxDatabase[], id: string, json: true | undefined) => {
  const rows = []
  for (const { service, sql } of outboxes) {
    const { matched, sent, finishedAt } = (await readRun(sql, id))!
    rows.push({ service, matched, sent, finished: finishedAt !== null })
  }
  if (json) {
    const sent = rows.reduce((sum, row) => sum + row.sent, 0)
    console.log(
      JSON.stringify({ runId: id, sent, finished: rows.every(({ finished }) => finished), services: rows }),
    )
    return
  }
  for (const { service, matched, sent, finished } of rows)
    console.log(`${service}: sent ${sent} of ${plural(matched, 'event')}${finished ? '' : ', not finished'}`)
}
