import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'amqplib'
import { percentiles } from '../../compare/index.ts'
import { payloadOf } from '../events.ts'
import type { Outcome } from '../part.ts'
import type { BenchQueue } from '../queue.ts'
import type { Scene } from '../scene.ts'
import { eventsPerSecond, measuredSeconds, warmUpEvents } from './workload.ts'

export interface StreamEvent {
  id: string
  payload: { text: string }
}

const lastDeliveryMs = 15_000

export interface StreamOptions {
  /** Of all events; a lost one takes for ever. More is a failure of the side; none may be lost when not said. */
  mayLoseShare?: number
}

/**
 * Writes events at a steady rate and takes each time from the moment its commit has returned to its delivery. `write` commits the
 * event; whatever is under test brings it to the queue. A slow event never delays the next one.
 */
export const measureStream = async (
  scene: Scene,
  { queue }: BenchQueue,
  write: (event: StreamEvent) => Promise<void>,
  { mayLoseShare = 0 }: StreamOptions = {},
): Promise<Outcome> => {
  const committed = new Map<string, number>()
  const commitMs = new Map<string, number>()
  const delivered = new Map<string, number>()
  const closeConsumer = await consumeInto(scene.amqpUrl, queue, delivered)
  const send = async (): Promise<string> => {
    const id = randomUUID()
    const payload = payloadOf(scene.bytes)
    const began = performance.now()
    await write({ id, payload })
    committed.set(id, performance.now())
    commitMs.set(id, performance.now() - began)
    return id
  }
  const stream = async (count: number) => {
    const began = performance.now()
    const sent: Promise<string>[] = []
    for (let nth = 0; nth < count; nth += 1) {
      const wait = began + (nth * 1000) / eventsPerSecond - performance.now()
      if (wait > 0) await pause(wait)
      sent.push(send())
    }
    const ids = await Promise.all(sent)
    const until = performance.now() + lastDeliveryMs
    for (;;) {
      const missing = ids.filter((id) => !delivered.has(id)).length
      if (missing === 0) return ids
      if (performance.now() > until) {
        if (missing <= mayLoseShare * count) return ids
        throw new Error(`${missing} of ${count} events were not delivered within ${lastDeliveryMs} ms`)
      }
      await pause(20)
    }
  }
  try {
    await stream(scene.scaled(warmUpEvents))
    let ids: string[] = []
    const count = scene.scaled(measuredSeconds * eventsPerSecond)
    await scene.window(count, async () => {
      ids = await stream(count)
    })
    // A hint inside the transaction may deliver before the writer has heard of its commit.
    const times = ids.map((id) => Math.max(0, (delivered.get(id) ?? Infinity) - committed.get(id)!))
    const { p50, p99 } = percentiles(times)
    const lost = times.filter((ms) => ms === Infinity).length
    const { p50: commit } = percentiles(ids.map((id) => commitMs.get(id)!))
    return { figures: { p50: p50!, p99: p99!, commit: commit!, lost }, raw: { ms: times } }
  } finally {
    await closeConsumer()
  }
}

const consumeInto = async (amqpUrl: string, queue: string, delivered: Map<string, number>) => {
  const connection = await connect(amqpUrl, { noDelay: true })
  const channel = await connection.createChannel()
  await channel.prefetch(200)
  await channel.consume(queue, (message) => {
    if (message === null) return
    const id = message.properties.messageId as string
    if (!delivered.has(id)) delivered.set(id, performance.now())
    channel.ack(message)
  })
  return () => connection.close()
}
