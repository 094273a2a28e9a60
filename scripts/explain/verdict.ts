import type { ServiceName } from '../../shared/contracts/index.ts'
import { commands } from './next-commands.ts'
import type { OpenEnd } from './open-ends.ts'
import type { OrderRow, OrderRows } from './rows.ts'
import type { Blocker, Letter, Sight } from './sight.ts'
import { span } from './words.ts'

/** All that a verdict is judged by: plain data, read before. */
export interface Evidence {
  now: Date
  deadlineMs: number
  order: Pick<OrderRow, 'id' | 'status' | 'reason' | 'mode' | 'createdAt' | 'updatedAt'>
  openEnds: readonly OpenEnd[]
  unreadable: OrderRows['unreadable']
  /** What product and user still hold for an order that failed. */
  held: readonly ('stock' | 'money')[]
  sight: Sight
}

export type VerdictKind =
  | 'at_rest'
  | 'in_time'
  | 'relay_down'
  | 'relay_behind'
  | 'broker_down'
  | 'publish_refused'
  | 'parked'
  | 'queue_missing'
  | 'queue_silent'
  | 'no_consumer'
  | 'consumer_behind'
  | 'handler_failing'
  | 'dead_letter'
  | 'in_hand_or_lost'
  | 'not_looked_at'
  | 'database_locked'
  | 'expiry_down'
  | 'held'

export interface Verdict {
  kind: VerdictKind
  /** One sentence: where it is, and why. */
  sentence: string
  /** The next command; undefined when there is nothing to do. */
  next: string | undefined
}

/** What takes longer than this is not just on its way. */
const patienceMs = 5_000
/** A message that waits longer for consumers that are there waits for others to be done. */
const behindMs = 1_000
/** The deadline is looked at every half second. */
const expiryGraceMs = 5_000

/** Where an order is stuck and why: of all open ends the earliest that has a fault. One that is only on its way is no fault. */
export const verdictOf = (evidence: Evidence): Verdict => {
  const { openEnds } = evidence
  const faults = openEnds.map((end) => faultOf(end, evidence)).filter((it) => it !== undefined)
  return lockedTable(evidence) ?? faults[0] ?? withoutFault(evidence)
}

const ago = (evidence: Evidence, since: Date) => span(evidence.now.getTime() - since.getTime())
const ageOf = ({ now }: Evidence, since: Date) => now.getTime() - since.getTime()

const faultOf = (end: OpenEnd, evidence: Evidence): Verdict | undefined => {
  switch (end.kind) {
    case 'parked':
      return parked(end, evidence)
    case 'unpublished':
      return unpublished(end, evidence)
    case 'unhandled':
      return unhandled(end, evidence)
  }
}

const parked = ({ event }: OpenEnd & { kind: 'parked' }, { order }: Evidence): Verdict => ({
  kind: 'parked',
  sentence: `${event.type} is parked in the ${event.service} service's outbox: ${
    event.attempts > 0
      ? `publishing it was refused ${times(event.attempts)}, ${because(event.attempts, event.lastError)}`
      : `it waits ${event.lastError ?? 'for a person'}`
  }.`,
  next: commands.retryParked(event.service, order.id),
})

const unpublished = (
  { event }: OpenEnd & { kind: 'unpublished' },
  evidence: Evidence,
): Verdict | undefined => {
  const { databases, broker } = evidence.sight
  const { database, relayLeads, serviceConnected, blockers } = databases[event.service]
  const where = `${event.type} waits in the ${event.service} service's outbox, committed ${ago(evidence, event.createdAt)} ago`
  if (broker.kind === 'down')
    return {
      kind: 'broker_down',
      sentence: `${where}, because the broker is down: ${broker.reason}.`,
      next: commands.startBroker,
    }
  if (!relayLeads)
    return {
      kind: 'relay_down',
      sentence: `${where}, because no relay publishes it: none leads on ${database}.`,
      next: serviceConnected ? commands.relay(event.service) : commands.service(event.service),
    }
  const [blocker] = blockers
  if (blocker !== undefined) return locked(where, database, blocker)
  if (event.attempts > 0)
    return {
      kind: 'publish_refused',
      sentence: `${where}, because publishing it was refused ${times(event.attempts)} so far, ${because(event.attempts, event.lastError)}.`,
      next: commands.declareTopology,
    }
  if (ageOf(evidence, event.createdAt) < patienceMs) return undefined
  return {
    kind: 'relay_behind',
    sentence: `${where}: a relay leads on ${database} and has not published it yet, so it is behind or waits for the broker's confirms.`,
    next: commands.outboxStatus,
  }
}

const unhandled = (end: OpenEnd & { kind: 'unhandled' }, evidence: Evidence): Verdict | undefined => {
  const { event, to } = end
  const { broker, databases } = evidence.sight
  const since = event.publishedAt ?? event.createdAt
  const where = `${event.type}, confirmed ${ago(evidence, since)} ago, is not handled by ${to}`
  const queue = broker.kind === 'up' ? broker.queues[to] : undefined
  if (queue?.kind === 'there') {
    const dead = queue.dead.find(({ eventId }) => eventId === event.eventId)
    if (dead !== undefined) return deadLetter(dead, where, queue.queue, event.eventId)
  }
  const [blocker] = databases[to].blockers
  if (blocker !== undefined) return locked(where, databases[to].database, blocker)
  if (broker.kind === 'down')
    return {
      kind: 'broker_down',
      sentence: `${where}, because the broker is down: ${broker.reason}.`,
      next: commands.startBroker,
    }
  if (queue === undefined) return notLookedAt(where, since, evidence)
  if (queue.kind === 'missing')
    return {
      kind: 'queue_missing',
      sentence: `${where}, because its queue ${queue.queue} is not there any more, and what was in it is gone.`,
      next: commands.declareAndRepair,
    }
  if (queue.kind === 'silent')
    return {
      kind: 'queue_silent',
      sentence: `${where}, because its queue ${queue.queue} does not answer: it has no leader.`,
      next: commands.queueStatus(queue.queue),
    }
  const retrying = queue.retrying.find(({ eventId }) => eventId === event.eventId)
  if (retrying !== undefined)
    return {
      kind: 'handler_failing',
      sentence: `${where}, because ${to} failed on it ${times(retrying.attempt - 1)}, ${because(retrying.attempt - 1, retrying.reason)}; it waits for try ${retrying.attempt}.`,
      next: commands.logOf(to),
    }
  return inQueue({ queue, since, where, to, evidence })
}

/** Without the broker nothing is known of what is on its way; for a moment nothing needs to be. */
const notLookedAt = (where: string, since: Date, evidence: Evidence): Verdict | undefined => {
  const { broker } = evidence.sight
  if (broker.kind !== 'not looked at' || ageOf(evidence, since) < behindMs) return undefined
  return {
    kind: 'not_looked_at',
    sentence: `${where}, and why is not known: the broker was not looked at${broker.reason === undefined ? '' : ` (${broker.reason})`}.`,
    next: commands.lookAtBroker,
  }
}

const inQueue = ({
  queue: { queue, consumers, ready },
  since,
  where,
  to,
  evidence,
}: {
  queue: { queue: string; consumers: number; ready: number }
  since: Date
  where: string
  to: ServiceName
  evidence: Evidence
}): Verdict | undefined => {
  if (consumers === 0)
    return {
      kind: 'no_consumer',
      sentence: `${where}, because nobody consumes ${queue}, where ${messages(ready)} waiting.`,
      next: commands.service(to),
    }
  const age = ageOf(evidence, since)
  if (ready > 0 && age >= behindMs)
    return {
      kind: 'consumer_behind',
      sentence: `${where}, because ${consumers === 1 ? 'the only consumer' : `the ${consumers} consumers`} of ${queue} ${consumers === 1 ? 'is' : 'are'} behind: ${messages(ready)} waiting.`,
      next: commands.another(to),
    }
  if (ready > 0 || age < patienceMs) return undefined
  return {
    kind: 'in_hand_or_lost',
    sentence: `${where}, and ${queue} is empty with ${consumers === 1 ? 'a consumer' : `${consumers} consumers`}: either one has it in hand and does not get on, or the broker lost it.`,
    next: commands.reconcile,
  }
}

const deadLetter = (letter: Letter, where: string, queue: string, eventId: string): Verdict => ({
  kind: 'dead_letter',
  sentence: `${where}: it was given up at try ${letter.attempt} and lies on ${queue}.dead${
    letter.code === undefined ? '' : ` (${letter.code})`
  }, because ${quoted(letter.reason)}.`,
  next: commands.dead(eventId),
})

const locked = (where: string, database: string, blocker: Blocker): Verdict => {
  const { pid, name, state, seconds, table, holdsUp } = blocker
  const held = table === undefined ? database : `${database}.${table}`
  const up = [...new Set(holdsUp.filter((it) => it !== 'explain'))]
  return {
    kind: 'database_locked',
    sentence: `${where}, because ${held} is locked: session ${pid} (${name}, ${state}) holds it for ${span(seconds * 1_000)}${
      up.length > 0 ? ` and holds up ${up.join(', ')}` : ''
    }.`,
    next: commands.lookAtSession(database, pid),
  }
}

/** A table that can't even be read hides what is open behind it. */
const lockedTable = ({ unreadable, sight }: Pick<Evidence, 'unreadable' | 'sight'>): Verdict | undefined => {
  const [first] = unreadable
  if (first === undefined) return undefined
  const { database, blockers } = sight.databases[first.service]
  const names = unreadable.filter(({ service }) => service === first.service).map(({ table }) => table)
  const where = `Database ${database} can't be read (${names.join(', ')}), not even by the ${first.service} service`
  const [blocker] = blockers
  if (blocker !== undefined) return locked(where, database, blocker)
  return {
    kind: 'database_locked',
    sentence: `${where}: somebody locked it, and was gone when it was looked who.`,
    next: commands.explainAgain,
  }
}

/** The verdict when not even the order could be read. */
export const verdictOnLocked = (evidence: Pick<Evidence, 'unreadable' | 'sight'>): Verdict =>
  lockedTable(evidence) ?? {
    kind: 'database_locked',
    sentence: 'The orders could not be read.',
    next: commands.explainAgain,
  }

const withoutFault = (evidence: Evidence): Verdict => {
  const { order, openEnds, held, deadlineMs, now } = evidence
  const [end] = openEnds
  const waits =
    end === undefined
      ? order.mode === 'rpc'
        ? 'by RPC nothing is written down of what is under way'
        : 'nothing more is on its way for it'
      : end.kind === 'unhandled'
        ? `${end.event.type} is on its way to ${end.to}, confirmed ${ago(evidence, end.event.publishedAt ?? end.event.createdAt)} ago`
        : `${end.event.type} was committed ${ago(evidence, end.event.createdAt)} ago and is being published`
  if (order.status === 'PROCESSING') {
    const left = order.createdAt.getTime() + deadlineMs - now.getTime()
    if (left > -expiryGraceMs)
      return {
        kind: 'in_time',
        sentence: `All is well so far: ${waits}, and ${left > 0 ? `its deadline is ${span(left)} away` : 'its deadline has just passed'}.`,
        next: left > 0 && end === undefined ? undefined : commands.explainAgain,
      }
    const [blocker] = evidence.sight.databases.order.blockers
    if (blocker !== undefined)
      return locked('The deadline has passed', evidence.sight.databases.order.database, blocker)
    return {
      kind: 'expiry_down',
      sentence: `${capital(waits)}, and nobody fails it although its deadline passed ${span(-left)} ago: no order service looks after the deadlines.`,
      next: commands.service('order'),
    }
  }
  if (held.length > 0 && end === undefined)
    return {
      kind: 'held',
      sentence: `The order is FAILED (${order.reason}), and ${held.join(' and ')} is still held for it, with nothing on its way that would give it back.`,
      next: commands.audit(order.id),
    }
  if (end !== undefined)
    return {
      kind: 'in_time',
      sentence: `All is well so far: the order is ${order.status}, and ${waits}.`,
      next: commands.explainAgain,
    }
  const how = order.reason === null ? order.status : `${order.status} (${order.reason})`
  return {
    kind: 'at_rest',
    sentence: `At rest: the order is ${how}, and nothing is left to do.`,
    next: undefined,
  }
}

const capital = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
const times = (count: number) => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`)
const because = (count: number, reason: string | null) =>
  `${count > 1 ? 'at last ' : ''}because ${quoted(reason)}`
const messages = (count: number) => (count === 1 ? '1 message is' : `${count} messages are`)
const quoted = (reason: string | null) =>
  `"${(reason ?? 'no reason given').replaceAll('"', "'").replace(/[.\s]+$/, '')}"`
