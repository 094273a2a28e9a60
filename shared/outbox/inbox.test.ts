import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { forget, insertNew } from './index.ts'
import { sqlOf, withClient, withOutbox } from './testing/with-outbox.ts'

test('an event is new once per consumer, also when given twice, and as the caller writes it', () =>
  withOutbox(async ({ sql }) => {
    const [a, b, c] = [randomUUID(), randomUUID().toUpperCase(), randomUUID()]
    assert.equal(await insertNew(sql, 'one', [a, b, a]), new Set([a, b]))
    assert.equal(await insertNew(sql, 'one', [b, c]), new Set([c]))
    assert.equal(await insertNew(sql, 'two', [a]), new Set([a]))
    assert.equal(await insertNew(sql, 'two', []), new Set())
  }))

test('an event set aside in its transaction is new again', () =>
  withOutbox(async ({ sql }) => {
    const [a, b] = [randomUUID(), randomUUID()]
    await insertNew(sql, 'one', [a, b])
    await insertNew(sql, 'two', [a])
    await forget(sql, 'one', [a])
    await forget(sql, 'one', [])
    assert.equal(await insertNew(sql, 'one', [a, b]), new Set([a]))
    assert.equal(await insertNew(sql, 'two', [a]), new Set())
  }))

test('two transactions with the same events: one gets them, or the other after a rollback', () =>
  withOutbox(({ client, url }) =>
    withClient(url, async (other) => {
      const ids = Array.from({ length: 50 }, () => randomUUID())
      for (const end of ['commit', 'rollback']) {
        const consumer = `until-${end}`
        await client.query('begin')
        await other.query('begin')
        const first = await insertNew(sqlOf(client), consumer, ids)
        const second = insertNew(sqlOf(other), consumer, [...ids].reverse())
        await client.query(end)
        assert.is(first.size, 50)
        assert.is((await second).size, end === 'commit' ? 0 : 50)
        await other.query('commit')
      }
    }),
  ))

test('many at once over the same events in any order: no deadlock, each event once', () =>
  withOutbox(async ({ url }) => {
    const ids = Array.from({ length: 200 }, () => randomUUID())
    const shuffled = () => [...ids].sort(() => Math.random() - 0.5)
    const sizes = await Promise.all(
      Array.from({ length: 6 }, () =>
        withClient(url, async (client) => {
          let size = 0
          for (let round = 0; round < 5; round += 1) {
            await client.query('begin')
            size += (await insertNew(sqlOf(client), 'c', shuffled().slice(0, 150))).size
            await client.query('commit')
          }
          return size
        }),
      ),
    )
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 200)
    await withClient(url, async (client) => {
      const { rows } = await client.query('select count(*)::int as n from inbox')
      assert.is(
        sizes.reduce((sum, size) => sum + size, 0),
        rows[0].n,
      )
    })
  }))

test.run()
