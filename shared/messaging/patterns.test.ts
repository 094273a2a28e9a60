import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, withBroker } from '../testing/index.ts'
import {
  consumeDefault,
  consumeFanout,
  consumeTopic,
  publishDefault,
  publishFanout,
  publishTopic,
} from './patterns.ts'
import { benchDelaysMs, withBench } from './testing.ts'

test('one publish reaches the fanout listener, the pattern listeners and the work queue', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, publisher, log, exchange, queue, count }) => {
      const heard: string[] = []
      const subscribed: string[] = []
      const watch = (who: string, from: string) => ({
        exchange: from,
        log,
        handle: (message: { fields: { routingKey: string } }) =>
          void heard.push(`${who} ${message.fields.routingKey}`),
        onSubscribed: () => void subscribed.push(who),
      })
      const topic = `${broker.namespace}.EX_TOPIC`
      const observers = [
        consumeFanout(connection, watch('fanout', exchange)),
        consumeTopic(connection, { ...watch('update', topic), patterns: ['update.*'] }),
        consumeTopic(connection, { ...watch('all', topic), patterns: ['#'] }),
      ]
      await eventually(() => subscribed.length === 3)
      for (const routingKey of ['order.create', 'update.order']) {
        await publishFanout(publisher, { exchange, routingKey, body: {}, properties: {}, mandatory: true })
      }
      await eventually(() => heard.length === 5)
      assert.equal(heard.sort(), [
        'all order.create',
        'all update.order',
        'fanout order.create',
        'fanout update.order',
        'update update.order',
      ])
      assert.is(await count(queue), 1)
      const to = { exchange: topic, body: {}, properties: {}, mandatory: true }
      const outcome = await publishTopic(publisher, { ...to, routingKey: 'update.balance' })
      assert.is(outcome.kind, 'confirmed')
      await eventually(() => heard.length === 7)
      assert.equal(heard.slice(5).sort(), ['all update.balance', 'update update.balance'])
      for (const observer of observers) await observer.stop()
      const unheard = () => publishTopic(publisher, { ...to, routingKey: 'update.nobody' })
      await eventually(async () => (await unheard()).kind === 'returned')
    }),
  ))

test('an observer that is stopped with a message in hand ends quietly', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, log, exchange, channel }) => {
      let finish = () => {}
      const work = new Promise<void>((resolve) => {
        finish = resolve
      })
      let [isSubscribed, isHandling] = [false, false]
      const observer = consumeFanout(connection, {
        exchange,
        log,
        handle() {
          isHandling = true
          return work
        },
        onSubscribed() {
          isSubscribed = true
        },
      })
      await eventually(() => isSubscribed)
      channel.publish(exchange, 'order.create', Buffer.from('{}'))
      await eventually(() => isHandling)
      const stopped = observer.stop()
      finish()
      // What nobody catches would end this process.
      await stopped
    }),
  ))

test('point to point goes to one queue by its name, and comes back when there is none', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, publisher, log, queue }) => {
      const seen: string[] = []
      const consumer = consumeDefault(connection, {
        queue,
        prefetch: 1,
        publisher,
        log,
        retryDelaysMs: benchDelaysMs,
        handle: async (message) => {
          seen.push(message.content.toString())
          return { kind: 'ack' }
        },
      })
      const to = { body: { userId: 'u' }, properties: {} }
      assert.is((await publishDefault(publisher, { ...to, queue })).kind, 'confirmed')
      assert.is((await publishDefault(publisher, { ...to, queue: `${queue}.nobody` })).kind, 'returned')
      await eventually(() => seen.length === 1)
      await consumer.stop()
    }),
  ))

test.run()
