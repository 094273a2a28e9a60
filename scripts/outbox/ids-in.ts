import { eachMessage } from '../broker/each-message.ts'
import type { Broker } from './broker.ts'

export interface IdsIn {
  ids: string[]
  /** So many more were there than might be read. */
  unread: number
}

/** The ids of the oldest messages that are ready in a queue which nobody consumes, at most `most`; they stay where they are. */
export const idsIn = async (
  broker: Broker,
  queue: string,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<IdsIn> => {
  const there = (await broker.depthOf(queue))?.messages ?? 0
  const ids: string[] = []
  if (there > 0)
    await broker.withChannel((channel) =>
      eachMessage(
        channel,
        queue,
        ({ properties }) => {
          ids.push(String(properties.messageId).toLowerCase())
          return 'keep'
        },
        { most: Math.min(there, most), signal },
      ),
    )
  return { ids, unread: Math.max(0, there - most) }
}
