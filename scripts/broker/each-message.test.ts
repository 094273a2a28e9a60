import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../shared/log/index.ts'
import { connectBroker, type Session } from '../../shared/messaging/index.ts'
import { eventually, withBroker } from '../../shared/testing/index.ts'
import { type Channel, eachMessage, type Message } from './each-message.ts'

interface Bench {
  queue: string
  /** Runs `use` on a channel of its own, closed afterwards. */
  withChannel<Result>(use: (channel: Channel) => Promise<Result>): Promise<Result>
  /** What is there, once it is so many: the broker puts back in its own time. */
  ready(so: number): Promise<string[]>
}

/** As the dead-letter queues have them: without a limit a quorum queue puts back at its end. */
const queueArguments = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000 }
const count = 5
const texts = Array.from({ length: count }, (_, nth) => String(nth))
const textOf = ({ content }: Message) => content.toString()

/** A queue of the messages 0 to 4. */
const withQueue = (use: (bench: Bench) => Promise<void>) => () =>
  withBroker(async ({ url, namespace }) => {
    const connection = connectBroker({ url, name: 'each message', log: silentLog() })
    const withChannel: Bench['withChannel'] = async (work) => {
      const session: Session = await connection.connected(AbortSignal.timeout(10_000))
      const channel = await session.createChannel()
      try {
        return await work(channel)
      } finally {
        await channel.close().catch(() => {})
      }
    }
    const queue = `${namespace}.${randomUUID()}`
    const depth = () => withChannel(async (channel) => (await channel.checkQueue(queue)).messageCount)
    const ready = async (so: number) => {
      await eventually(async () => (await depth()) === so)
      return withChannel(async (channel) => {
        const found: string[] = []
        for (let left = so; left > 0; left -= 1) {
          const message = await channel.get(queue)
          if (message !== false) found.push(textOf(message))
        }
        return found
      })
    }
    try {
      const session = await connection.connected(AbortSignal.timeout(10_000))
      const channel = await session.createConfirmChannel()
      await channel.assertQueue(queue, { durable: true, arguments: queueArguments })
      // Confirmed, since a queue that has just been made may still be without a leader, and drops what nobody asks after.
      for (const text of texts) channel.sendToQueue(queue, Buffer.from(text))
      await channel.waitForConfirms()
      await channel.close()
      await eventually(async () => (await depth()) === count)
      await use({ queue, withChannel, ready })
    } finally {
      await connection.close()
    }
  })

test(
  'what is kept goes back in its order, and only what is removed is gone; no more are shown than may be',
  withQueue(async ({ queue, withChannel, ready }) => {
    const shown: string[] = []
    const judge = (message: Message) => {
      shown.push(textOf(message))
      return textOf(message) === '1' ? 'remove' : 'keep'
    }
    assert.is(await withChannel((channel) => eachMessage(channel, queue, judge, { most: 3 })), 3)
    assert.equal(shown, ['0', '1', '2'])
    assert.equal(await ready(4), ['0', '2', '3', '4'])
  }),
)

test(
  'an abort ends it after the message in hand, and a judge that throws keeps none back, while the channel stays open',
  withQueue(async ({ queue, withChannel }) => {
    await withChannel(async (channel) => {
      const ended = new AbortController()
      const endAtSecond = (message: Message) => {
        if (textOf(message) === '1') ended.abort()
        return 'keep' as const
      }
      const options = { most: 100, signal: ended.signal }
      assert.is(await eachMessage(channel, queue, endAtSecond, options), 2)
      const failing = eachMessage(channel, queue, () => Promise.reject(new Error('broken')), { most: 100 })
      assert.is(await failing.catch((error: Error) => error.message), 'broken')
      const there = async () => (await channel.checkQueue(queue)).messageCount === count
      await eventually(there)
    })
  }),
)

test(
  'the error of a channel that is gone is the one that is thrown, and the messages are back',
  withQueue(async ({ queue, withChannel, ready }) => {
    const error = await withChannel((channel) =>
      eachMessage(
        channel,
        queue,
        async () => {
          await channel.checkQueue(`${queue}.none`)
          return 'keep' as const
        },
        { most: 100 },
      ),
    ).catch((thrown: unknown) => thrown)
    assert.match(String(error), 'NOT_FOUND')
    assert.equal(await ready(count), texts)
  }),
)

test.run()
