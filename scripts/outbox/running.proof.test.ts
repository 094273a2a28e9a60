// limit: 900 s
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { addProduct, addUser, getOrder, place, placeAndWait, settled } from '../../test/system/index.ts'
import { age } from '../audit/testing/settled-system.ts'
import { runScript } from '../explain/testing/explain-in.ts'
import { type Stage, withRunningStage } from './testing/with-stage.ts'

const books: Record<ServiceName, string> = {
  order: 'select id, status, reason, total from orders order by id',
  product: 'select id, stock from products order by id',
  user: 'select id, balance, (select count(*) from ledger where user_id = users.id) as entries from users order by id',
}

/** What effects there are, and how many events were said. */
const stateOf = async (stage: Stage) => {
  const state: unknown[] = []
  for (const service of services) {
    state.push(await stage.sql(service, books[service]))
    state.push(await stage.sql(service, 'select count(*) from outbox'))
    state.push(await stage.sql(service, 'select count(*) from inbox'))
  }
  return state
}

const openShop = async (stage: Stage) => ({
  userId: await addUser(stage),
  productId: await addProduct(stage),
})

const placeSome = async (stage: Stage, count: number, line: { userId: string; productId: string }) => {
  const ids: string[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const { body } = await place(stage, line.userId, [{ productId: line.productId, quantity: 1 }])
    ids.push(body.id)
  }
  return ids
}

/** What the audit says once nothing is under way any more: clean, or the codes of what it found. */
const audited = async (stage: Stage, env: Record<string, string> = {}): Promise<string[]> => {
  await settled(stage)
  const { code, stdout, stderr } = await runScript(
    'audit',
    stage.namespace,
    ['--json', '--grace', '1000'],
    env,
  )
  assert.ok(code === 0 || code === 4, stderr)
  return Object.keys(JSON.parse(stdout).counts)
}

const listed = (out: string) =>
  (JSON.parse(out) as { missing: { eventId: string; type: string; orderId: string; to: string }[] }).missing

test('a purged queue: exactly what was in it is listed, repaired, and handled once', () =>
  withRunningStage(async (stage) => {
    const shop = await openShop(stage)
    await placeSome(stage, 3, shop)
    await settled(stage)
    await stage.user.stop()
    const stuck = await placeSome(stage, 8, shop)
    const queue = stage.name('user.events')
    await eventually(async () => (await stage.broker.count(queue)) === stuck.length)

    const waiting = await eventually(
      async () => {
        const said = await stage.outbox('reconcile', '--after', '1s')
        return said.err.includes('8 events of product may wait there still') ? said : undefined
      },
      { withinMs: 30_000 },
    )
    assert.equal([waiting.code, waiting.out], [0, 'nothing is missing\n'])

    await stage.broker.withChannel((channel) => channel.purgeQueue(queue))
    const purged = await stage.outbox('reconcile', '--after', '1s', '--json')
    assert.is(purged.code, 4, purged.err)
    assert.equal(
      listed(purged.out)
        .map(({ type, orderId, to }) => [type, orderId, to])
        .sort(),
      stuck.map((id) => ['StockReserved', id, queue]).sort(),
    )
    const text = await stage.outbox('reconcile', '--after', '1s')
    assert.equal(
      [text.code, text.out.split('\n').at(-2)],
      [4, '8 events missing; npm run outbox -- reconcile --repair sends exactly these'],
    )

    const repaired = await stage.outbox('reconcile', '--after', '1s', '--repair')
    assert.equal(
      [repaired.code, repaired.out.split('\n').at(-2)],
      [0, '8 events missing, 8 sent again'],
      repaired.err,
    )
    assert.is(await stage.broker.count(queue), 8)
    await stage.user.start()
    await settled(stage)
    for (const id of stuck) assert.is((await getOrder(stage, id)).status, 'SUCCESS')
    const clean = await stage.outbox('reconcile', '--after', '1s')
    assert.equal([clean.code, clean.out], [0, 'nothing is missing\n'], clean.err)
    assert.equal(await audited(stage), [])
    const [kept] = await stage.sql(
      'product',
      'select matched, sent, target, finished_at is not null as done from outbox_replays',
    )
    assert.equal(kept, { matched: '8', sent: '8', target: queue, done: true })

    // And everything twice more: nothing happens twice.
    const before = await stateOf(stage)
    for (const _ of [1, 2]) {
      const { code, err } = await stage.outbox('replay', '--all', '--rate', '2000')
      assert.is(code, 0, err)
    }
    const toOne = await stage.outbox(
      'replay',
      '--type',
      'StockReserved',
      '--to',
      'user.events',
      '--rate',
      '2000',
    )
    assert.is(toOne.code, 0, toOne.err)
    await eventually(async () => {
      for (const service of services)
        if ((await stage.broker.count(stage.name(`${service}.events`))) > 0) return false
      return true
    })
    assert.equal(await audited(stage), [])
    // A restart waits for what is in hand.
    for (const service of services) await stage[service].stop()
    assert.equal(await stateOf(stage), before)
  }))

test('a consumer that fails: dead with its history, mended, redriven in order; poison comes back and is dropped', () =>
  withRunningStage(async (stage) => {
    const shop = await openShop(stage)
    await stage.sql('user', 'alter table ledger add constraint broken check (amount < 0) not valid')
    const ids = await placeSome(stage, 3, shop)
    const dead = stage.name('user.events.dead')
    await eventually(async () => (await stage.broker.count(dead)) === 3, { withinMs: 30_000 })
    const missing = await stage.outbox('reconcile', '--after', '1s')
    assert.is(missing.code, 0, missing.out)
    assert.match(missing.err, '3 events of product on the retry ladder or dead; npm run outbox -- dead list')
    const list = await stage.outbox('dead', 'list', '--reason', 'retries.exhausted', '--json')
    const { letters } = JSON.parse(list.out) as {
      letters: { id: string; failures: string[]; attempt: number }[]
    }
    assert.is(letters.length, 3, list.err)
    assert.is(letters[0]!.failures.length, 3)
    await stage.sql('user', 'alter table ledger drop constraint broken')
    const given = await stage.outbox('dead', 'redrive', '--reason', 'retries.exhausted')
    assert.match(given.out, /gave back 3 dead letters\n$/)
    await settled(stage)
    for (const id of ids) assert.is((await getOrder(stage, id)).status, 'SUCCESS')
    assert.equal(await audited(stage), [])

    const poison = randomUUID()
    await stage.broker.publish({
      exchange: stage.name('EX_PRODUCT'),
      routingKey: 'user.check',
      body: { orderId: poison },
      properties: { messageId: poison, type: 'StockReserved', headers: { 'cloudEvents:dataversion': '1' } },
    })
    await eventually(async () => (await stage.broker.count(dead)) === 1)
    const shown = await stage.outbox('dead', 'show', poison)
    assert.match(shown.out, 'x-reason-code: event.data')
    const again = await stage.outbox('dead', 'redrive', '--id', poison)
    assert.match(again.out, /gave back 1 dead letter\n$/)
    await eventually(async () => (await stage.broker.count(dead)) === 1)
    assert.is((await stage.outbox('dead', 'drop', '--id', poison)).code, 0)
    assert.is(await stage.broker.count(dead), 0)
    assert.equal(await audited(stage), [])
  }))

test('parked rows go out in order once the cause is mended', () =>
  withRunningStage(
    async (stage) => {
      const shop = await openShop(stage)
      const wire = (which: 'bindQueue' | 'unbindQueue') =>
        stage.broker.withChannel(async (channel) => {
          await channel[which](`${stage.namespace}.wiretap`, stage.name('EX_TOPIC'), '#')
        })
      await stage.product.stop()
      await wire('unbindQueue')
      await stage.broker.withChannel((channel) => channel.deleteQueue(stage.name('product.events')))
      const [id] = await placeSome(stage, 1, shop)
      await stage.order.post(`/orders/${id}/cancel`)
      const parked = async () =>
        (await stage.sql('order', 'select from outbox where parked_at is not null')).length
      await eventually(async () => (await parked()) === 2, { withinMs: 40_000 })
      assert.match((await stage.outbox('status')).out, `order ${id}: 2 parked, first OrderPlaced`)
      await wire('bindQueue')
      await stage.product.start()
      const said = await stage.outbox('retry', '--order', id!)
      assert.match(said.out, /^order: 2 parked rows given back to the relay\n/)
      await settled(stage)
      const came = stage.broker.wiretap.filter(
        ({ orderId, type }) => orderId === id && type.startsWith('Order'),
      )
      assert.equal(
        came.map(({ type }) => type),
        ['OrderPlaced', 'OrderFailed'],
      )
      assert.is(
        (await placeAndWait(stage, shop.userId, [{ productId: shop.productId, quantity: 1 }])).status,
        'SUCCESS',
      )
      assert.equal(await audited(stage), [])
    },
    { env: { RELAY_MAX_ATTEMPTS: '2' } },
  ))

test('a real event is dropped: the audit says so, and reconcile brings it back; an audit that knows how much was pruned misses no row', () =>
  withRunningStage(async (stage) => {
    const shop = await openShop(stage)
    await stage.sql('user', 'alter table ledger add constraint broken check (amount < 0) not valid')
    const [id] = await placeSome(stage, 1, shop)
    const dead = stage.name('user.events.dead')
    await eventually(async () => (await stage.broker.count(dead)) === 1, { withinMs: 30_000 })
    await stage.sql('user', 'alter table ledger drop constraint broken')
    const dropped = await stage.outbox('dead', 'drop', '--order', id!)
    assert.match(dropped.out, /removed 1 dead letter\n$/)
    const lost = await stage.outbox('reconcile', '--after', '1s', '--json')
    assert.equal(
      listed(lost.out).map(({ type, orderId }) => [type, orderId]),
      [['StockReserved', id]],
    )
    const found = await eventually(
      async () => {
        const { stdout } = await runScript('audit', stage.namespace, ['--json', '--grace', '1000'])
        return JSON.parse(stdout).findings.length > 0 && JSON.parse(stdout).findings
      },
      { withinMs: 60_000 },
    )
    assert.ok(found.every(({ orderId }: { orderId: string }) => orderId === id))
    assert.is((await stage.outbox('reconcile', '--after', '1s', '--repair')).code, 0)
    await settled(stage)
    assert.is((await getOrder(stage, id!)).status, 'SUCCESS')
    assert.equal(await audited(stage), [])

    const urls = {
      order: stage.databaseUrl('order'),
      product: stage.databaseUrl('product'),
      user: stage.databaseUrl('user'),
    }
    await age(urls, 180)
    const pruned = await stage.outbox('prune', '--older-than', '2h')
    assert.match(pruned.out, /^order: deleted 2 outbox rows and 0 inbox rows\n/)
    const [, hours] =
      /Give npm run audit OUTBOX_RETENTION_HOURS=(\d+), or it misses them\.\n$/.exec(pruned.err) ?? []
    // Ids say when they were made, and can't be moved into the past: only the rows are looked at.
    const missed = await audited(stage, { OUTBOX_RETENTION_HOURS: hours ?? '' })
    assert.not.ok(missed.includes('outbox.missing'), missed.join())
  }))

test.run()
