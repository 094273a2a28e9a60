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
 */
export const declareTopology = async (connection: BrokerConnection, topology: Topology): Promise<void> => {
  await assertTopology(connection, topology)
  await queuesAnswer(connection, topology)
}

/** The same without waiting for the queues to answer: cheap enough to be repeated while everything works. */
export const assertTopology = async (connection: BrokerConnection, topology: Topology): Promise<void> => {
  const session = await connection.connected(AbortSignal.timeout(connectMs))
  const channel = await session.createChannel()
  try {
    await within(
      stepMs + topology.queues.length * 1_000,
      'declaring the topology',
      declareAll(channel, topology),
    )
  } catch (error) {
    throw different(error)
  } finally {
    await channel.close().catch(() => {})
  }
}

/** Asserts what the topology names on an open channel, bindings last. */
const declareAll = async (channel: Channel, topology: Topology): Promise<void> => {
  for (const { name, type } of topology.exchanges) await channel.assertExchange(name, type, { durable: true })
  for (const queue of topology.queues) {
    await channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments })
  }
  await declareBindings(channel, topology)
}

/** Bindings can be asserted again and again: the broker keeps one of each. */
export const declareBindings = async (channel: Channel, topology: Topology): Promise<void> => {
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
const queuesAnswer = async (connection: BrokerConnection, { queues }: Topology): Promise<void> => {
  const until = performance.now() + leaderMs
  for (let left = queues.map((it) => it.name); left.length > 0; ) {
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
