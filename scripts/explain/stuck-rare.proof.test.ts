// limit: 600 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { getOrder } from '../../test/system/index.ts'
import { runExplain, runNext } from './testing/explain-in.ts'
import { hold } from './testing/suspend-queue.ts'
import { withShop } from './testing/with-shop.ts'

test('a relay that leads and does not get its confirms; a broker that was not looked at', () =>
  withShop({}, async ({ system, order, stuck, settled }) => {
    await system.product.kill()
    await system.order.restart({ FAULT: 'relay.afterPublish:sleep=600000:1' })
    const id = await order()
    await stuck(
      id,
      'relay_behind',
      /^OrderPlaced waits in the order service's outbox, committed .* ago: a relay leads on \S+saga_order and has not published it yet, so it is behind or waits for the broker's confirms\.$/,
      /^npm run outbox -- status --watch$/,
    )
    await system.order.restart()
    await stuck(id, 'no_consumer', /nobody consumes/, /^npm run product$/)
    const again = await stuck(
      id,
      'not_looked_at',
      /^OrderPlaced, confirmed .* ago, is not handled by product, and why is not known: the broker was not looked at\.$/,
      /^the same command again, with the broker$/,
      { amqpUrl: undefined },
    )
    const said = await runExplain(system.namespace, [id, '--no-broker'])
    assert.is(said.code, 0)
    assert.match(said.stdout, `the broker was not looked at.\nnext: ${again}\n`)
    await system.product.start()
    await settled(id)
  }))

test('a deadline that is not reached, and one that nobody looks after', () =>
  withShop(
    { ORDER_DEADLINE_MS: '2000' },
    async ({ system, order, stuck }) => {
      // The order is kept, and its service is gone before anything else happens.
      await system.order.restart({ FAULT: 'http.PlaceOrder.afterCommit:kill:1' })
      await order().catch(() => {})
      await system.order.gone()
      const [kept] = await system.sql<{ id: string }>('order', 'select id from orders')
      const id = kept?.id ?? ''
      await stuck(
        id,
        'in_time',
        /^All is well so far: by RPC nothing is written down of what is under way, and its deadline is .* away\.$/,
        /^$/,
      )
      const next = await stuck(
        id,
        'expiry_down',
        /^By RPC nothing is written down of what is under way, and nobody fails it although its deadline passed .* ago: no order service looks after the deadlines\.$/,
        /^npm run order$/,
        { deadlineMs: 2_000 },
      )
      assert.is(next, 'npm run order')
      await system.order.start()
      await eventually(async () => (await getOrder(system, id)).reason === 'expired', { withinMs: 20_000 })
      await stuck(id, 'at_rest', /^At rest: the order is FAILED \(expired\)/, /^$/)
    },
    { mode: 'rpc' },
  ))

test('stock that a crash left behind in RPC mode', () =>
  withShop(
    { RPC_TIMEOUT_MS: '1500' },
    async ({ system, order, stuck }) => {
      await system.product.restart({ FAULT: 'rpc.OrderPlaced.afterCommit:kill:1' })
      const id = await order()
      await eventually(async () => (await getOrder(system, id)).status === 'FAILED', { withinMs: 20_000 })
      const next = await stuck(
        id,
        'held',
        /^The order is FAILED \(rpc_timeout\), and stock is still held for it, with nothing on its way that would give it back\.$/,
        /^npm run audit -- --order /,
      )
      // The audit calls it a finding once the order is settled for its grace.
      const found = await eventually(
        async () => {
          const said = await runNext(system.namespace, next)
          return said.code === 4 && said
        },
        { withinMs: 60_000 },
      )
      assert.match(found.stdout, `stock.held (product service) order ${id}`)
    },
    { mode: 'rpc' },
  ))

test('a queue that does not answer', () =>
  withShop(
    {},
    async ({ system, order, stuck, settled }) => {
      system.product.pause()
      const id = await order()
      await stuck(id, 'in_hand_or_lost', /either one has it in hand/, /reconcile/)
      const queue = system.name('product.events')
      await hold(system.servers.rabbit, queue, 'suspend')
      await stuck(
        id,
        'queue_silent',
        /^OrderPlaced, .* is not handled by product, because its queue \S+product\.events does not answer: it has no leader\.$/,
        /^rabbitmq-queues quorum_status \S+product\.events$/,
      )
      await hold(system.servers.rabbit, queue, 'resume')
      system.product.resume()
      await settled(id)
    },
    { servers: 'private' },
  ))

test.run()
