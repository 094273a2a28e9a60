// limit: 600 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withClient } from '../../shared/database/migrations/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { runExplain, runNext, runScript } from './testing/explain-in.ts'
import { withShop } from './testing/with-shop.ts'

test('a relay that is down, with and without its service', () =>
  withShop({}, async ({ system, order, stuck, settled }) => {
    await system.order.restart({ RELAY: 'off' })
    const id = await order()
    await stuck(
      id,
      'relay_down',
      /^OrderPlaced waits in the order service's outbox, committed .* ago, because no relay publishes it: none leads on .*saga_order\.$/,
      /^npm run relay -- order$/,
    )
    await system.order.kill()
    await stuck(id, 'relay_down', /no relay publishes it/, /^npm run order$/)

    // The service can't reach the broker, and neither can we.
    const nowhere = { amqpUrl: 'amqp://guest:guest@127.0.0.1:9' }
    system.order.spawn({ AMQP_URL: nowhere.amqpUrl })
    await stuck(
      id,
      'broker_down',
      /because the broker is down: no connection to .*ECONNREFUSED/,
      /RabbitMQ/,
      nowhere,
    )
    await system.order.restart()
    await settled(id)
  }))

test('a queue without a consumer, one that is gone, a consumer that is behind, one that does not get on', () =>
  withShop({}, async ({ system, order, stuck, settled }) => {
    await system.product.kill()
    const id = await order()
    await stuck(
      id,
      'no_consumer',
      /^OrderPlaced, confirmed .* ago, is not handled by product, because nobody consumes \S+product\.events, where 1 message is waiting\.$/,
      /^npm run product$/,
    )
    await system.product.start({ PREFETCH: '1', BATCH_SIZE: '1' })
    await settled(id)

    system.product.pause()
    const inHand = await order()
    await stuck(inHand, 'in_time', /^All is well so far: OrderPlaced is on its way to product/, /again/)
    await stuck(
      inHand,
      'in_hand_or_lost',
      /product\.events is empty with a consumer: either one has it in hand and does not get on, or the broker lost it\.$/,
      /reconcile/,
    )
    const behind = await order()
    await stuck(
      behind,
      'consumer_behind',
      /because the only consumer of \S+ is behind: 1 message is waiting\.$/,
      /npm run product/,
    )
    system.product.resume()
    await settled(behind)

    await system.product.kill()
    const gone = await order()
    await stuck(gone, 'no_consumer', /nobody consumes/, /npm run product/)
    await system.broker.withChannel((channel) => channel.deleteQueue(system.name('product.events')))
    await stuck(gone, 'queue_missing', /its queue \S+ is not there any more/, /npm run migrate.*reconcile/)
  }))

test('a handler that fails, an event that was given up', () =>
  withShop({}, async ({ system, order, stuck, settled }) => {
    await system.sql('product', 'alter table reservations add constraint no_room check (false) not valid')
    const failing = await order()
    await stuck(
      failing,
      'handler_failing',
      /because product failed on it once, because ".*no_room.*"; it waits for try 2\.$/,
      /\.data\/logs\/\*product\.log/,
    )
    await system.sql('product', 'alter table reservations drop constraint no_room')

    await system.product.restart({ EVENT_PUBLISHERS: 'order=somebody' })
    const dead = await order()
    const look = await stuck(
      dead,
      'dead_letter',
      /it was given up at try 1 and lies on \S+product\.events\.dead \(event\.publisher\), because "OrderPlaced was published by guest"\.$/,
      /^npm run outbox -- dead show /,
    )
    // Looking took nothing away.
    assert.is(await eventually(() => system.broker.count(system.name('product.events.dead'))), 1)
    const { code, stdout } = await runNext(system.namespace, look)
    assert.is(code, 0)
    assert.match(stdout, 'OrderPlaced was published by guest')
    await system.product.restart()
    await runScript('outbox', system.namespace, ['dead', 'redrive', '--order', dead, '--yes'])
    await settled(dead)
  }))

test('a database that somebody locked: a row, a table, the orders', () =>
  withShop({}, async ({ system, order, stuck, settled }) => {
    const holding = (service: 'order' | 'product', sql: string, use: () => Promise<void>) =>
      withClient(system.databaseUrl(service), async (client) => {
        await client.query(`set application_name = 'a person'; begin; ${sql}`)
        await use()
        await client.query('rollback')
      })
    let id = ''
    await holding('product', 'select from products for update', async () => {
      id = await order()
      await stuck(
        id,
        'database_locked',
        /^OrderPlaced, .* is not handled by product, because \S+saga_product\.products is locked: session \d+ \(a person, idle in transaction\) holds it for .* and holds up product\.$/,
        /pg_terminate_backend/,
      )
    })
    await settled(id)
    await holding('product', 'lock table inbox in access exclusive mode', async () => {
      id = await order()
      await stuck(
        id,
        'database_locked',
        /^Database \S+saga_product can't be read \(inbox\), not even by the product service, because \S+saga_product\.inbox is locked: session/,
        /pg_terminate_backend/,
      )
    })
    await settled(id)
    await holding('order', 'lock table orders in access exclusive mode', async () => {
      const { code, stdout, stderr } = await runExplain(system.namespace, [id, '--no-broker'])
      assert.equal([code, stdout], [69, ''])
      assert.match(
        stderr,
        /^Database \S+saga_order can't be read \(orders.*session \d+ \(a person, idle in transaction\)/,
      )
      assert.match(stderr, /next: psql/)
    })
  }))

test('an event that nothing routes: refused, then parked with what is behind it', () =>
  withShop({ RELAY_MAX_ATTEMPTS: '5' }, async ({ system, order, stuck, settled }) => {
    await system.product.kill()
    await system.broker.withChannel(async (channel) => {
      // The observer of the test would take everything.
      await channel.unbindQueue(`${system.namespace}.wiretap`, system.name('EX_TOPIC'), '#')
      await channel.deleteQueue(system.name('product.events'))
    })
    const id = await order()
    await stuck(id, 'publish_refused', /refused .* so far, .*because ".*"\.$/, /npm run migrate/)
    const retry = await stuck(
      id,
      'parked',
      /^OrderPlaced is parked in the order service's outbox: publishing it was refused 5 times, at last because ".*"\.$/,
      /^npm run outbox -- retry --service order --order /,
    )
    await system.product.start()
    assert.is((await runNext(system.namespace, retry)).code, 0)
    await settled(id)
  }))

test.run()
