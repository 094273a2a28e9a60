import type { Message } from 'amqplib'
import { describe } from '../failure/index.ts'
import type { Lease } from './channel-keeper.ts'
import type { Log } from './log-port.ts'

/**
 * Acknowledges a message, or rejects it to the dead-letter queue: the one place that touches a channel for a message. Never throws. On a
 * channel that is gone or closing nothing is sent, and the broker delivers the message again.
 */
export const settle = (
  { channel, closed }: Lease,
  message: Message,
  how: 'ack' | 'reject',
  log: Pick<Log, 'debug'>,
): void => {
  if (closed.aborted) return
  try {
    if (how === 'ack') channel.ack(message)
    else channel.reject(message, false)
  } catch (error) {
    log.debug({ reason: describe(error) }, 'settled too late')
  }
}
