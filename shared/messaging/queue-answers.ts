import type { Channel } from 'amqplib'
import { within } from './time-limit.ts'

const answerMs = 5_000

/**
 * Whether a quorum queue has a leader. One without says to a passive declare that it is there and empty, for ever; only asking for a
 * message tells. It is asked for only when the queue says that it is empty, and given back if one came in that moment.
 * Throws when the queue is missing (the channel is closed then) or does not answer (the channel is of no use then).
 */
export const queueAnswers = async (channel: Channel, queue: string): Promise<void> => {
  const { messageCount } = await within(answerMs, `asking for ${queue}`, channel.checkQueue(queue))
  if (messageCount > 0) return
  const message = await within(answerMs, `an answer of ${queue}`, channel.get(queue))
  if (message) channel.nack(message, false, true)
}
