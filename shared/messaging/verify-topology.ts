import type { Channel } from 'amqplib'
import { describe, Unavailable } from '../failure/index.ts'
import { bindingProblems } from './binding-problems.ts'
import type { BrokerConnection } from './connection.ts'
import { declareBindings, isAway, leaderlessNext } from './declare-topology.ts'
import { queueAnswers } from './queue-answers.ts'
import { within } from './time-limit.ts'
import type { Topology } from './topology.ts'
import type { TopologyProblem } from './topology-problem.ts'

export interface VerifyOptions {
  /**
   * The broker's management API with credentials, e.g. http://user:password@127.0.0.1:15672; it must answer. When it is not said, the
   * usual place is tried; without one bindings can't be asked for, so they are asserted again.
   */
  managementUrl?: string | undefined
}

const connectMs = 10_000
// Longer than a queue may take to show its leader.
const askMs = 12_000
const managementMs = 5_000
// Nobody said that it is there, so nobody waits for it long.
const usualManagementMs = 1_500

/**
 * Holds the broker against the topology without creating exchanges or queues. Throws `Unavailable` with one line that names all that
 * is `topology.missing`, `topology.different`, `topology.leaderless`, `topology.away` or `topology.extra`, and what to do; of a broker that has
 * nothing of it yet (`topology.absent`) it says no more than that.
 */
export const verifyTopology = async (
  connection: BrokerConnection,
  topology: Topology,
  options: VerifyOptions = {},
): Promise<void> => {
  const problems = await topologyProblems(connection, topology, options)
  if (problems.length === 0) return
  const all = topology.exchanges.length + topology.queues.length
  if (problems.filter(({ kind }) => kind === 'missing').length === all) throw absent()
  const worst = (['leaderless', 'different', 'missing', 'away', 'extra'] as const).find((kind) =>
    problems.some((it) => it.kind === kind),
  )
  throw new Unavailable(`the broker's topology: ${problems.map((it) => it.text).join('; ')}`, {
    code: `topology.${worst}`,
    next: nextSteps[worst ?? 'missing'],
  })
}

const nextSteps = {
  leaderless: leaderlessNext,
  different: 'delete what differs (an empty queue, an exchange without use), then `npm run migrate`',
  missing: '`npm run migrate`',
  away: 'start that node; until then nobody can call these procedures',
  extra: 'unbind it, unless you know what it is for',
}

const absent = () =>
  new Unavailable("the broker's topology: nothing of it is there", {
    code: 'topology.absent',
    next: nextSteps.missing,
  })

type Ask = (channel: Channel) => Promise<unknown>

const topologyProblems = async (
  connection: BrokerConnection,
  topology: Topology,
  options: VerifyOptions,
): Promise<TopologyProblem[]> => {
  const problems: TopologyProblem[] = []
  const asker = createAsker(connection)
  const check = async (what: string, ask: Ask) => {
    const problem = await asker.ask(what, ask)
    if (problem) problems.push(problem)
    return problem === undefined
  }
  for (const { name, type } of topology.exchanges) {
    const there = await check(`exchange ${name}`, (channel) => channel.checkExchange(name))
    if (there)
      await check(`exchange ${name}`, (channel) => channel.assertExchange(name, type, { durable: true }))
  }
  for (const { name, arguments: args } of topology.queues) {
    const there = await check(`queue ${name}`, (channel) => queueAnswers(channel, name))
    if (there)
      await check(`queue ${name}`, (channel) => channel.assertQueue(name, { durable: true, arguments: args }))
  }
  if (problems.length === 0) {
    const bindings = await askForBindings(connection, topology, options)
    if (bindings === undefined) await check('bindings', (channel) => declareBindings(channel, topology))
    problems.push(...(bindings ?? []))
  }
  await asker.close()
  return problems
}

/** Undefined when they can't be asked for. */
const askForBindings = async (
  { vhost, managementUrl: usual }: BrokerConnection,
  topology: Topology,
  { managementUrl }: VerifyOptions,
): Promise<TopologyProblem[] | undefined> => {
  if (managementUrl) return bindingProblems(topology, managementUrl, vhost, managementMs)
  try {
    return await bindingProblems(topology, usual(), vhost, usualManagementMs)
  } catch (error) {
    if (error instanceof Unavailable) return undefined
    throw error
  }
}

/** Asks on one channel until a question costs it: 404 and 406 close their channel, and a queue without a leader keeps it waiting. */
const createAsker = (connection: BrokerConnection) => {
  let open: Channel | undefined
  const close = async () => {
    const channel = open
    open = undefined
    await channel?.close().catch(() => {})
  }
  const ask = async (what: string, question: Ask): Promise<TopologyProblem | undefined> => {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    open ??= await session.createChannel()
    try {
      await within(askMs, `asking for ${what}`, question(open))
      return undefined
    } catch (error) {
      void close()
      return problemOf(what, error)
    }
  }
  return { ask, close }
}

/** Reads the broker's complaint. A user who may not declare or read can only see that something is there: no problem. */
const problemOf = (what: string, error: unknown): TopologyProblem | undefined => {
  const text = describe(error)
  const { code } = error as { code?: unknown }
  if (code === 403) return undefined
  if (code === 'broker.timeout' && what.startsWith('queue '))
    return { kind: 'leaderless', text: `${what} has no leader` }
  if (code === 404 && /no (queue|exchange) '/.test(text))
    return { kind: 'missing', text: `${what} is missing` }
  if (isAway(error)) return { kind: 'away', text: `${what} is on a node that is down` }
  if (code === 406 || code === 405 || code === 404) {
    return { kind: 'different', text: `${what} is different: ${complaint(text)}` }
  }
  throw error
}

/** `inequivalent arg 'x-delivery-limit' for queue ...: received '20' but current is '5'`, without the wrapping. */
const complaint = (text: string): string => /- (.*?)"?$/.exec(text)?.[1] ?? text
