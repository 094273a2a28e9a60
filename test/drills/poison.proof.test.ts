// limit: 600 s
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  getOrder,
  place,
  placeAndWait,
  type System,
  withSystem,
} from '../system/index.ts'
import { operatorOf } from './operator.ts'

// The order would expire while somebody looks for the cause.
const env = { ORDER_DEADLINE_MS: '3600000' }

const areDead = (system: System, queue: string, count: number) =>
  eventually(async () => (await system.broker.count(system.name(`${queue}.dead`))) === count, {
    withinMs: 30_000,
    everyMs: 100,
  })

/** One order that the product service can't handle, for a reason that can be mended: a rule of its database. */
const placePoison = async (system: System, userId: string, productId: string) => {
  await system.product.stop()
  const { body } = await place(system, userId, [{ productId, quantity: 2 }])
  await system.sql(
    'product',
    `alter table reservations add constraint wrong_rule check (order_id <> '${body.id}') not valid`,
  )
  await system.product.start()
  return body.id
}

test('an event that a consumer chokes on: found, shown, mended, given back in order; its neighbours never wait', () =>
  withSystem({ mode: 'choreography', env }, async (system) => {
    const operator = operatorOf(system, env)
    const { type, done } = operator
    const [userId, productId] = [await addUser(system), await addProduct(system)]
    const id = await placePoison(system, userId, productId)
    const neighbours = Array.from({ length: 10 }, () =>
      placeAndWait(system, userId, [{ productId, quantity: 1 }]),
    )
    for (const { status } of await Promise.all(neighbours)) assert.is(status, 'SUCCESS')
    await areDead(system, 'product.events', 1)
    // The customer gives up: a second event of the order meets the same wall.
    assert.is((await system.order.post(`/orders/${id}/cancel`)).status, 200)
    await areDead(system, 'product.events', 2)

    const status = await done('npm run outbox -- status')
    assert.match(
      status,
      `${system.name('product.events')}: 0 ready, 1 consumer, 0 on the retry ladder, 2 dead (2 retries.exhausted)`,
    )
    assert.match(status, 'next: npm run outbox -- dead list')
    const listed = await done('npm run outbox -- dead list')
    const letters = listed.split('\n').filter((line) => line.includes(id))
    assert.equal(
      letters.map((line) => line.split(' ')[1]),
      ['OrderPlaced', 'OrderFailed'],
    )
    assert.match(letters[0] ?? '', 'retries.exhausted: ')
    const letter = letters[0]?.split(' ')[2]
    const shown = await done(`npm run outbox -- dead show ${letter}`)
    assert.match(shown, 'wrong_rule')
    assert.match(shown, /\nfailures:\n( {2}\d{4}-.*\n){3}/)
    assert.match(shown, `"orderId": "${id}"`)
    assert.match(await done(`npm run explain -- ${id}`), 'dead')
    const found = await eventually(
      async () => {
        const said = await type('npm run audit')
        return said.code === 4 ? said.out : undefined
      },
      { withinMs: 30_000 },
    )
    assert.match(found, 'event.dead_lettered')
    const { code, out } = await type(`npm run audit -- --order ${id}`)
    assert.is(code, 4)
    assert.match(out, letter ?? '')
    const { findings } = JSON.parse((await type('npm run --silent audit -- --json')).out)
    assert.ok(findings.every((it: { code: string }) => it.code === 'event.dead_lettered'))

    await system.sql('product', 'alter table reservations drop constraint wrong_rule')
    const dry = await done(`npm run outbox -- dead redrive --order ${id} --dry-run`)
    assert.match(dry, /would give back 2 dead letters\n$/)
    const given = await done(`npm run outbox -- dead redrive --order ${id}`)
    assert.match(given, /gave back 2 dead letters\n$/)
    // In the other order nothing would have been reserved.
    await eventually(async () => {
      const said = await system.sql<{ type: string }>(
        'product',
        'select type from outbox where aggregate_id = $1 order by id',
        [id],
      )
      assert.equal(
        said.map((row) => row.type),
        ['StockReserved', 'StockReleased'],
      )
      return true
    })
    const { status: ended, reason } = await getOrder(system, id)
    assert.equal([ended, reason], ['FAILED', 'cancelled'])
    assert.is(await done('npm run outbox -- dead list'), 'no dead letters\n')
    await operator.auditIsClean()
    await checkInvariants(system)
  }))

test('an event that nobody can ever handle: found, shown, dropped', () =>
  withSystem({ mode: 'choreography', env }, async (system) => {
    const operator = operatorOf(system, env)
    const { done } = operator
    const poison = randomUUID()
    await system.broker.publish({
      exchange: system.name('EX_PRODUCT'),
      routingKey: 'user.check',
      body: { orderId: poison },
      properties: { messageId: poison, type: 'StockReserved', headers: { 'cloudEvents:dataversion': '1' } },
    })
    await areDead(system, 'user.events', 1)
    assert.match(await done('npm run outbox -- dead list --reason event.data'), poison)
    assert.match(await done(`npm run outbox -- dead show ${poison}`), 'x-reason-code: event.data')
    assert.match(await done(`npm run outbox -- dead drop --id ${poison}`), /removed 1 dead letter\n$/)
    assert.is(await done('npm run outbox -- dead list'), 'no dead letters\n')
    await operator.auditIsClean()
    await checkInvariants(system, { planted: [poison] })
  }))

test.run()
