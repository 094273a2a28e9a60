import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keepRun, measure, type RelayTransport, ReplayRefused, readRun, replay, type Sql } from './index.ts'
import { createFakeTransport, firsts, upTo } from './testing/fake-transport.ts'
import { seed, withOutbox } from './testing/with-outbox.ts'

const keep = async (sql: Sql) => {
  await sql.$executeRawUnsafe('update outbox set published_at = clock_timestamp()')
  const id = randomUUID()
  const filter = { status: 'published' as const }
  const measured = await measure(sql, filter)
  await keepRun(sql, { ...measured, id, startedBy: 'test', filter, target: null })
  return id
}

const fast = { ratePerSecond: 100_000, signal: new AbortController().signal }

test('losses and interruptions leave no gap, keep the order of an aggregate, and never overlap within one', () =>
  withOutbox(async ({ sql }) => {
    const ids = await seed(sql, 30, 20)
    const runId = await keep(sql)
    const stopping = new AbortController()
    let published = 0
    const fake = createFakeTransport((_, nth) => {
      published += 1
      if (published === 250) stopping.abort()
      return nth === 1 && published % 7 === 0 ? { kind: 'unknown', reason: 'lost' } : { kind: 'confirmed' }
    })
    const options = { sql, transport: fake.transport, ...fast }
    const first = (await readRun(sql, runId))!
    assert.is(await replay({ ...options, run: first, signal: stopping.signal }), false)
    const middle = (await readRun(sql, runId))!
    assert.ok(middle.sent > 0 && middle.sent < 600)
    assert.is(await replay({ ...options, run: middle }), true)
    const done = (await readRun(sql, runId))!
    assert.equal([done.sent, done.matched, done.finishedAt !== null], [600, 600, true])
    assert.is(fake.overlaps(), 0)
    for (const id of ids) assert.equal(firsts(fake.placesOf(id)), upTo(20))
  }))

test('a refused row ends the run before anything after it counts', () =>
  withOutbox(async ({ sql }) => {
    await seed(sql, 5, 4)
    const runId = await keep(sql)
    const fake = createFakeTransport((row) =>
      row.id === 10n ? { kind: 'refused', reason: 'no queue' } : { kind: 'confirmed' },
    )
    const error = await replay({
      sql,
      transport: fake.transport,
      ...fast,
      run: (await readRun(sql, runId))!,
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof ReplayRefused)
    const run = (await readRun(sql, runId))!
    assert.equal([run.lastId, run.sent, run.finishedAt], [9n, 9, null])
    assert.match(run.lastError ?? '', /\(Happened, row 10\) can't be sent: no queue$/)
  }))

test('a page that can not be read ends the run: what is in flight lands and counts, and nothing goes out afterwards', () =>
  withOutbox(async ({ sql }) => {
    await seed(sql, 5, 120)
    const runId = await keep(sql)
    let published = 0
    const slowly: RelayTransport = {
      async publish() {
        published += 1
        await pause(2)
        return { kind: 'confirmed' }
      },
      ready: async () => {},
    }
    let pages = 0
    const failing: Sql = {
      ...sql,
      async $queryRawUnsafe<Rows>(text: string, ...values: unknown[]) {
        if (text.includes('order by o.id') && ++pages === 2) throw new Error('the page is not to be had')
        return sql.$queryRawUnsafe<Rows>(text, ...values)
      },
    }
    const run = (await readRun(sql, runId))!
    const error = await replay({ sql: failing, transport: slowly, ...fast, run }).catch(
      (it: Error) => it.message,
    )
    assert.is(error, 'the page is not to be had')
    const before = published
    const { sent } = (await readRun(sql, runId))!
    assert.is(sent, before, 'what was sent is known')
    await pause(50)
    assert.is(published, before)
    assert.is(await replay({ sql, transport: slowly, ...fast, run: (await readRun(sql, runId))! }), true)
    assert.is(published, 600, 'nothing is left out or repeated')
  }))

test.run()
