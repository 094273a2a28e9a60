import type { Session } from '../../shared/messaging/index.ts'

export type Channel = Awaited<ReturnType<Session['createChannel']>>
export type Message = Exclude<Awaited<ReturnType<Channel['get']>>, false>

/** `keep` (it goes back to where it was) or `remove`. */
export type Verdict = 'keep' | 'remove'

/**
 * Shows the ready messages of a queue one after another, oldest first, at most `most` and none after `signal` aborts; resolves to how
 * many. Nothing is acknowledged before `judge` has said so; all that is kept goes back at once, in its order, also when `judge`
 * throws or the process dies. (A quorum queue without a delivery limit would put it at its end: ours have one.)
 */
export const eachMessage = async (
  channel: Channel,
  queue: string,
  judge: (message: Message) => Verdict | Promise<Verdict>,
  { most, signal }: { most: number; signal?: AbortSignal | undefined },
): Promise<number> => {
  let seen = 0
  try {
    while (seen < most && !signal?.aborted) {
      const message = await channel.get(queue, { noAck: false })
      if (message === false) break
      seen += 1
      if ((await judge(message)) === 'remove') channel.ack(message)
    }
    return seen
  } finally {
    if (seen > 0) giveBack(channel)
  }
}

const giveBack = (channel: Channel) => {
  try {
    channel.nackAll(true)
  } catch {
    // A channel that is gone has given back all that it held.
  }
}
