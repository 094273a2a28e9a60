import type { Broker } from './broker.ts'

/** The ids of the messages that are ready in a queue which nobody consumes; they stay where they are. */
export const idsIn = async (broker: Broker, queue: string): Promise<string[]> => {
  const there = (await broker.depthOf(queue))?.messages ?? 0
  if (there === 0) return []
  return broker.withChannel(async (channel) => {
    const ids: string[] = []
    for (let seen = 0; seen < there; seen += 1) {
      const message = await channel.get(queue, { noAck: false })
      if (message === false) break
      ids.push(String(message.properties.messageId).toLowerCase())
    }
    if (ids.length > 0) channel.nackAll(true)
    return ids
  })
}
