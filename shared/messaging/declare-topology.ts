import type { Channel } from 'amqplib'
import { describe, pause, Unavailable } from '../failure/index.ts'
import type { BrokerConnection } from './connection.ts'
import { queueAnswers } from './queue-answers.ts'
import { within } from './time-limit.ts'
import type { Topology } from './topology.ts'

/** A queue that lost its leader for good (its broker died in the second of its declaration) has to be made anew. */
export const leaderlessNext = 'delete that queue, `npm run migrate`, and replay the outbox'

const connectMs = 10_000
const stepMs = 15_000
const leaderMs = 30_000

/**
 * Makes everything that the topology names; what is there already stays. Returns when every queue answers. Throws `Unavailable`:
 * `topology.different` when something of that name is otherwise, `topology.leaderless` when a queue does not come up.
 * Answers the queues of requests that are on a node of the cluster which is down: nobody can use them until it is back.
 */
export const declareTopology = async (
  connection: BrokerConnection,
  topology: Topology,
): Promise<ReadonlySet<string>> => {
  const away = await assertTopology(connection, topology)
  const here = topology.queues.map(({ name }) => name).filter((name) => !away.has(name))
  await queuesAnswer(connection, here)
  return away
}

/** The same without waiting for the queues to answer: cheap enough to be repeated while everything works. */
export const assertTopology = async (
  connection: BrokerConnection,
  topology: Topology,
): Promise<ReadonlySet<string>> => {
  const session = await connection.connected(AbortSignal.timeout(connectMs))
  const limitMs = stepMs + topology.queues.length * 1_000
  const away = new Set<string>()
  // A queue that is away costs its channel; the next one goes round it.
  for (;;) {
    const known = away.size
    const channel = await session.createChannel()
    try {
      await within(limitMs, 'declaring the topology', declareAll(channel, topology, away))
      return away
    } catch (error) {
      if (away.size === known) throw different(error)
    } finally {
      await channel.close().catch(() => {})
    }
  }
}

/** Whether a queue can't be had because the only node that has it is down. */
export const isAway = (error: unknown): boolean =>
  (error as { code?: unknown }).code === 404 && /home node .* is down/.test(describe(error))

/** Asserts what the topology names on an open channel; a queue that has just been made is bound at once, for until then it gets nothing. */
const declareAll = async (channel: Channel, topology: Topology, away: Set<string>): Promise<void> => {
  for (const { name, type } of topology.exchanges) await channel.assertExchange(name, type, { durable: true })
  for (const { name, arguments: args } of topology.queues) {
    if (away.has(name)) continue
    try {
      await channel.assertQueue(name, { durable: true, arguments: args })
    } catch (error) {
      if (isAway(error)) away.add(name)
      throw error
    }
    const bindings = topology.bindings.filter(({ queue }) => queue === name)
    await declareBindings(channel, { bindings, exchangeBindings: [] })
  }
  await declareBindings(channel, { bindings: [], exchangeBindings: topology.exchangeBindings })
}

/** Bindings can be asserted again and again: the broker keeps one of each. */
export const declareBindings = async (
  channel: Channel,
  topology: Pick<Topology, 'bindings' | 'exchangeBindings'>,
): Promise<void> => {
  for (const { from, to, key } of topology.exchangeBindings) await channel.bindExchange(to, from, key)
  for (const { exchange, queue, key } of topology.bindings) await channel.bindQueue(queue, exchange, key)
}

const different = (error: unknown): unknown =>
  (error as { code?: unknown }).code === 406
    ? new Unavailable(`the broker has it otherwise: ${describe(error)}`, {
        code: 'topology.different',
        next: 'delete what differs (an empty queue, an exchange without use), then `npm run migrate`',
        cause: error,
      })
    : error

// A quorum queue is of use when its leader answers; each failed question costs its channel.
const queuesAnswer = async (connection: BrokerConnection, queues: readonly string[]): Promise<void> => {
  const until = performance.now() + leaderMs
  for (let left = queues; left.length > 0; ) {
    const session = await connection.connected(AbortSignal.timeout(connectMs))
    const channel = await session.createChannel()
    try {
      for (const queue of left) {
        await queueAnswers(channel, queue)
        left = left.slice(1)
      }
    } catch (cause) {
      if (performance.now() > until) {
        throw new Unavailable(`queue ${left[0]} has no leader: ${describe(cause)}`, {
          code: 'topology.leaderless',
          next: leaderlessNext,
          cause,
        })
      }
      await pause(500)
    } finally {
      void channel.close().catch(() => {})
    }
  }
}
