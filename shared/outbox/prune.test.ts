import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { claimSql, createClaim, fittingClaimSql } from './claim.ts'
import { createPruner, type Sql } from './index.ts'
import { openSession } from './session.ts'
import { createFakeTransport } from './testing/fake-transport.ts'
import { seed, withOutbox } from './testing/with-outbox.ts'
import { withRelay } from './testing/with-relay.ts'

const history = (sql: Sql, rows: number, age: string) =>
  sql.$executeRawUnsafe(
    `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, published_at)
     select gen_random_uuid(), 'Happened', gen_random_uuid(), 'EX', 'key', '{}', at, at
     from generate_series(1, $1::int), (select clock_timestamp() - $2::text::interval as at) as past`,
    rows,
    age,
  )

const handled = (sql: Sql, rows: number, age: string) =>
  sql.$executeRawUnsafe(
    `insert into inbox (consumer, event_id, handled_at)
     select 'c', gen_random_uuid(), clock_timestamp() - $2::text::interval from generate_series(1, $1::int)`,
    rows,
    age,
  )

const countOf = async (sql: Sql, table: string, where = 'true') => {
  const [row] = await sql.$queryRawUnsafe<{ n: number }[]>(
    `select count(*)::int as n from ${table} where ${where}`,
  )
  return row!.n
}

test('deletes what was published long ago, in bounded rounds, and never an unpublished or young row', () =>
  withOutbox(async ({ sql }) => {
    await seed(sql, 10, 3)
    await sql.$executeRawUnsafe(`update outbox set created_at = created_at - interval '1 year'`)
    await sql.$executeRawUnsafe('update outbox set parked_at = now() where id <= 15')
    await history(sql, 250, '8 days')
    await history(sql, 50, '6 days')
    const pruner = createPruner(sql, { retentionHours: 168, batch: 20, maxBatches: 5 })
    const deleted = []
    for (let round = 0; round < 5; round += 1) deleted.push(await pruner.round())
    assert.equal(
      deleted.map(({ outbox }) => outbox),
      [70, 100, 80, 0, 0],
    )
    assert.equal(
      deleted.map(({ isCutShort }) => isCutShort),
      [true, true, false, false, false],
    )
    assert.equal(
      [await countOf(sql, 'outbox', 'published_at is null'), await countOf(sql, 'outbox')],
      [30, 80],
    )
  }))

test('inbox rows live twice as long', () =>
  withOutbox(async ({ sql }) => {
    await handled(sql, 30, '15 days')
    await handled(sql, 30, '13 days')
    const pruner = createPruner(sql, { retentionHours: 168 })
    assert.equal(await pruner.round(), { outbox: 0, inbox: 30, isCutShort: false })
    assert.is(await countOf(sql, 'inbox'), 30)
  }))

test('old inbox rows are found among young ones, whatever their event ids are', () =>
  withOutbox(async ({ sql }) => {
    const handledAs = (prefix: string, rows: number, age: string) =>
      sql.$executeRawUnsafe(
        `insert into inbox (consumer, event_id, handled_at)
         select 'c', ($1::text || lpad(to_hex(n), 12, '0'))::uuid, clock_timestamp() - $3::text::interval
         from generate_series(1, $2::int) n`,
        prefix,
        rows,
        age,
      )
    await handledAs('00000000-0000-4000-8000-', 2000, '1 hour')
    await handledAs('01900000-0000-7000-8000-', 100, '30 days')
    await handledAs('01910000-0000-7000-8000-', 2000, '1 hour')
    await handledAs('f0000000-0000-4000-8000-', 100, '40 days')
    const pruner = createPruner(sql, { retentionHours: 168, batch: 50, maxBatches: 3 })
    assert.equal(await pruner.round(), { outbox: 0, inbox: 150, isCutShort: true })
    assert.equal(await pruner.round(), { outbox: 0, inbox: 50, isCutShort: false })
    assert.is(await countOf(sql, 'inbox'), 4000)
    await handledAs('f1000000-0000-4000-8000-', 10, '40 days')
    assert.equal(await pruner.round(), { outbox: 0, inbox: 10, isCutShort: false })
  }))

test('the leading relay prunes', () =>
  withOutbox(async ({ url, sql }) => {
    await history(sql, 30, '2 hours')
    await seed(sql, 2, 2)
    let pruned = 0
    const observer = { pruned: (rows: number) => (pruned += rows) }
    const options = { databaseUrl: url, transport: createFakeTransport().transport, observer }
    await withRelay({ ...options, retentionHours: 1, pruneEveryMs: 50 }, async () => {
      await eventually(
        async () => pruned === 30 && (await countOf(sql, 'outbox', 'published_at is not null')) === 4,
      )
    })
  }))

test('the leading relay goes on pruning as long as there is something, and publishes meanwhile', () =>
  withOutbox(async ({ url, sql }) => {
    await history(sql, 14_000, '3 hours')
    await handled(sql, 12_000, '3 hours')
    const { random } = Math
    // The first round comes at once, and the next one by the clock not within this test.
    Math.random = () => 0
    try {
      let outAt = 0
      let prunedAt = 0
      const observer = {
        published: () => {
          outAt = performance.now()
        },
        pruned: () => {
          prunedAt = performance.now()
        },
      }
      const options = { databaseUrl: url, transport: createFakeTransport().transport, observer }
      await withRelay({ ...options, retentionHours: 1, pruneEveryMs: 3_600_000 }, async (relay) => {
        await eventually(() => prunedAt > 0)
        await seed(sql, 2, 2)
        relay.wake()
        await eventually(async () => (await countOf(sql, 'inbox')) === 0)
        await eventually(async () => (await countOf(sql, 'outbox')) === 4)
        assert.ok(outAt < prunedAt)
      })
    } finally {
      Math.random = random
    }
  }))

test('a claim does not look at published rows, however many there are and whatever the statistics say', () =>
  withOutbox(async ({ sql }) => {
    await history(sql, 200_000, '1 day')
    await seed(sql, 20, 5)
    for (const statistics of ['none', 'fresh']) {
      if (statistics === 'fresh') await sql.$executeRawUnsafe('analyze outbox')
      for (const statement of [claimSql, fittingClaimSql]) {
        const plan = await sql.$queryRawUnsafe<Record<string, string>[]>(
          `explain (analyze, buffers, costs off, timing off, summary off) ${statement}`,
          ['1', '2'],
          [randomUUID()],
          256,
        )
        const text = plan.map((line) => line['QUERY PLAN']).join('\n')
        assert.match(text, 'outbox_waiting_idx')
        assert.not.match(text, 'Seq Scan')
        assert.ok(Number(/hit=(\d+)/.exec(text)?.[1]) < 2000, text)
      }
    }
  }))

test("a claim's plan that was made while the table was empty goes by keys when it is full", () =>
  withOutbox(async ({ url, sql }) => {
    const session = await openSession({
      databaseUrl: url,
      leaseMs: 60_000,
      onNotification: () => {},
      onLost: () => {},
    })
    try {
      const claim = createClaim(session.sql)
      const nothingHeld = { heldIds: [], skippedAggregates: [], limit: 1 }
      assert.equal((await claim(nothingHeld)).rows, [])
      await history(sql, 50_000, '1 day')
      await seed(sql, 20, 5)
      const [kept] = await session.sql.$queryRawUnsafe<{ name: string }[]>(
        `select name from pg_prepared_statements where statement = $1`,
        claimSql,
      )
      const plan = await session.sql.$queryRawUnsafe<Record<string, string>[]>(
        `explain (analyze, buffers, costs off, timing off, summary off) execute ${kept?.name}('{1,2}', '{}', 10)`,
      )
      const text = plan.map((line) => line['QUERY PLAN']).join('\n')
      assert.match(text, 'outbox_waiting_idx')
      assert.match(text, 'NOT (hashed SubPlan')
      assert.not.match(text, 'Seq Scan')
      assert.is((await claim({ ...nothingHeld, limit: 100 })).rows.length, 100)
    } finally {
      await session.close()
    }
  }))

test.run()
