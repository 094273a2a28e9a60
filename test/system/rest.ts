import { services } from '../../shared/contracts/index.ts'
import { brokerUrls } from '../../shared/messaging/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { nothingLost, type Planted, saidWhatHappened, sameEveryTime, unhandled } from './events.ts'
import { logsAreClean } from './logs.ts'
import { booksBalance, ordersMatchBooks } from './money-and-stock.ts'
import { readSnapshot, type Snapshot } from './snapshot.ts'
import type { System } from './with-system.ts'

export const snapshotOf = (system: System): Promise<Snapshot> => readSnapshot(system.databaseUrl)

/** The liveness goal: from the last fault healed to rest. */
const restMs = 60_000

const waitingFor = (snapshot: Snapshot, system: System): string[] => {
  const heard = new Set(system.broker.wiretap.map(({ id }) => id))
  const rows = services.flatMap((service) => snapshot[service].outbox)
  return [
    ...snapshot.order.orders.filter(({ status }) => status === 'PROCESSING').map(({ id }) => `order ${id}`),
    ...rows.filter(({ waiting }) => waiting).map(({ event_id, type }) => `${type} ${event_id} in an outbox`),
    ...rows
      .filter(({ event_id, waiting, parked }) => !waiting && !parked && !heard.has(event_id))
      .map(({ event_id, type }) => `${type} ${event_id} at the wiretap`),
    ...unhandled(snapshot),
  ]
}

/** Waits until the system is at rest: every order terminal, every event published, heard by the wiretap and handled. */
export const settled = (system: System, withinMs = restMs): Promise<Snapshot> =>
  eventually(
    async () => {
      const snapshot = await snapshotOf(system)
      const waiting = waitingFor(snapshot, system)
      if (waiting.length > 0) throw new Error(`${waiting.length} wait: ${waiting.slice(0, 5).join('; ')}`)
      return snapshot
    },
    { withinMs, everyMs: 150 },
  )

export interface InvariantOptions {
  /** Ids of messages published by hand. */
  planted?: readonly string[]
  /** How many messages are on the dead-letter queues, by service; none when not said. */
  dead?: Partial<Record<'order' | 'product' | 'user', number>>
  /** Lines that the test provokes. */
  expectedLog?: RegExp
}

const queuesAreEmpty = async (
  { broker, name }: System,
  dead: NonNullable<InvariantOptions['dead']>,
): Promise<string[]> => {
  const problems: string[] = []
  for (const service of services) {
    const queue = name(`${service}.events`)
    for (const one of [queue, `${queue}.retry.1`, `${queue}.retry.2`]) {
      const ready = await broker.count(one)
      if (ready > 0) problems.push(`I14 queue ${one} has ${ready} messages`)
    }
    const ready = await broker.count(`${queue}.dead`)
    const expected = dead[service] ?? 0
    if (ready !== expected) problems.push(`I14 queue ${queue}.dead has ${ready} messages, not ${expected}`)
  }
  return problems
}

const passwordIn = (amqpUrl: string) => new URL(brokerUrls(amqpUrl)[0] as string).password

const noSessionLeaks = async (system: System): Promise<string[]> => {
  const rows = await system.sql<{ datname: string; state: string; query: string }>(
    'order',
    `SELECT datname, state, left(query, 80) AS query FROM pg_stat_activity WHERE datname LIKE $1
     AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '2 seconds'`,
    [`${system.namespace}%`],
  )
  return rows.map(({ datname, state, query }) => `I18 ${datname}: ${state} after ${query}`)
}

/** The system comes to rest, and then every invariant holds. Throws with all that do not. */
export const checkInvariants = async (system: System, options: InvariantOptions = {}): Promise<Snapshot> => {
  const snapshot = await settled(system)
  const { wiretap } = system.broker
  const planted: Planted = { ids: new Set(options.planted) }
  const problems = [
    ...booksBalance(snapshot),
    ...ordersMatchBooks(snapshot),
    ...saidWhatHappened(snapshot),
    ...nothingLost(snapshot, wiretap, planted),
    ...sameEveryTime(wiretap, planted),
    ...logsAreClean(system.processes, passwordIn(system.amqpUrl), options.expectedLog),
  ]
  await eventually(async () => {
    const late = [...(await queuesAreEmpty(system, options.dead ?? {})), ...(await noSessionLeaks(system))]
    if (late.length > 0) throw new Error(late.join('\n'))
    return true
  })
  if (problems.length > 0) throw new Error(`${problems.length} broken:\n${problems.slice(0, 20).join('\n')}`)
  return snapshot
}
