import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PrismaClient } from '../../generated/user/client.ts'
import { openDatabase, type Sql } from '../database/index.ts'
import { noFaults } from '../lifecycle/index.ts'
import { withDatabase } from '../testing/index.ts'
import { type Act, type Ask, createAct } from './act.ts'
import { outboxRim, silent } from './rim.ts'
import { ask, type Counter, counters, messageId, order, tooMany } from './testing.ts'

const table = counters<Sql>({
  select: (tx, ids) =>
    tx.$queryRawUnsafe<Counter[]>(
      'select id::text as "orderId", n from counters where id = any($1::uuid[]) order by id for update',
      ids,
    ),
  upsert: (tx, rows) =>
    tx.$executeRawUnsafe(
      `insert into counters select "orderId", n from jsonb_to_recordset($1::jsonb) as x("orderId" uuid, n int)
       on conflict (id) do update set n = excluded.n`,
      JSON.stringify(rows),
    ),
})

interface Bench {
  act: Act<Counter>
  /** At another door: its inbox is its own. */
  actAt(door: string): Act<Counter>
  actSilently: Act<Counter>
  query<Row>(sql: string): Promise<Row[]>
}

/** The rim as services have it, over a table of counts that takes no count of `tooMany`. */
const withRim = (use: (bench: Bench) => Promise<void>) => () =>
  withDatabase('user', async ({ url }) => {
    const database = openDatabase((adapter) => new PrismaClient({ adapter }), {
      url,
      name: 'test',
      poolSize: 4,
    })
    const { client } = database
    const rim = outboxRim({
      table,
      database,
      namespace: 'ns',
      fault: noFaults,
      says: () => true,
      committed() {},
    })
    try {
      await client.$executeRawUnsafe(
        `create table counters (id uuid primary key, n int not null check (n < ${tooMany}))`,
      )
      await use({
        act: createAct(rim, 'here'),
        actAt: (door) => createAct(rim, door),
        actSilently: createAct(silent(rim), 'here'),
        query: (sql) => client.$queryRawUnsafe(sql),
      })
    } finally {
      await database.close()
    }
  })

const [a, b] = [order(1), order(2)]
const kinds = async (act: Act<Counter>, ...asks: Ask[]) => (await act(asks)).map(({ kind }) => kind)
const counts = ({ query }: Bench) => query('select id::text, n from counters order by id')
const inbox = async ({ query }: Bench) =>
  (await query<{ event_id: string }>('select event_id::text from inbox order by event_id')).map(
    ({ event_id }) => event_id,
  )
const totals = async ({ query }: Bench) =>
  (
    await query<{ id: string; total: number }>(
      `select aggregate_id::text as id, (payload->>'total')::int as total from outbox order by outbox.id`,
    )
  ).map(({ id, total }) => [id, total])

test(
  'what was decided is kept with its events, ready to be sent, in one transaction',
  withRim(async (bench) => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const caused = { ...ask(a, 2, messageId(1)), cause: { id: messageId(1), traceparent } }
    assert.equal(await kinds(bench.act, ask(a, 1), caused), ['done', 'done'])
    assert.equal(await counts(bench), [{ id: a, n: 3 }])
    const rows = await bench.query<{ event_id: string; headers: Record<string, string>; xmin: string }>(
      `select o.event_id::text, o.type, o.exchange, o.routing_key, o.payload->>'orderId' as "orderId", o.headers,
              o.xmin::text from outbox o order by o.id`,
    )
    const [first, second] = rows.map(({ event_id, headers, xmin, ...rest }) => ({ ...rest, headers }))
    const { headers, ...rest } = second as NonNullable<typeof second>
    const expected = {
      type: 'OrderSucceeded',
      exchange: 'ns.EX_ORDER',
      routing_key: 'update.order',
      orderId: a,
    }
    assert.equal(rest, expected)
    assert.is(headers['cloudEvents:causationid'], messageId(1))
    assert.is(headers['cloudEvents:dataversion'], '1')
    assert.match(headers.traceparent ?? '', new RegExp(`^00-${'a'.repeat(32)}-(?!b{16})[0-9a-f]{16}-01$`))
    assert.not('cloudEvents:causationid' in (first?.headers ?? {}))
    assert.match(first?.headers.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    assert.is(new Set(rows.map(({ xmin }) => xmin)).size, 1)
    for (const { event_id } of rows) assert.match(event_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  }),
)

test(
  'a decision that throws is set aside alone, and its inbox row is not kept',
  withRim(async (bench) => {
    const asks = [ask(a, 1, messageId(1)), ask(a, -1, messageId(2)), ask(b, 2, messageId(3))]
    assert.equal(await kinds(bench.act, ...asks), ['done', 'failed', 'done'])
    assert.equal(await inbox(bench), [messageId(1), messageId(3)])
    assert.equal(await totals(bench), [
      [a, 1],
      [b, 2],
    ])
    assert.equal(await kinds(bench.act, ...asks), ['duplicate', 'failed', 'duplicate'])
    assert.equal(await counts(bench), [
      { id: a, n: 1 },
      { id: b, n: 2 },
    ])
  }),
)

test(
  'a statement that the database refuses splits the batch: only the ask that spoilt it fails',
  withRim(async (bench) => {
    const asks = [ask(a, 1, messageId(1)), ask(b, tooMany, messageId(2)), ask(a, 2, messageId(3))]
    assert.equal(await kinds(bench.act, ...asks), ['done', 'failed', 'done'])
    assert.equal(await counts(bench), [{ id: a, n: 3 }])
    assert.equal(await inbox(bench), [messageId(1), messageId(3)])
    assert.equal(await totals(bench), [
      [a, 1],
      [a, 3],
    ])
  }),
)

test(
  'a message is reacted to once at each door',
  withRim(async (bench) => {
    const once = () => ask(a, 1, messageId(1))
    assert.equal(await kinds(bench.act, once(), once()), ['done', 'duplicate'])
    assert.equal(await kinds(bench.act, once()), ['duplicate'])
    assert.equal(await kinds(bench.actAt('there'), once()), ['done'])
    assert.equal(await counts(bench), [{ id: a, n: 2 }])
  }),
)

test(
  'the same messages in several batches at once, in any order, are each reacted to once',
  withRim(async (bench) => {
    // There before, so that they can be locked.
    for (const n of [0, 1, 2]) await bench.query(`insert into counters values ('${order(n)}', 0)`)
    const all = Array.from({ length: 24 }, (_, n) => ask(order(n % 3), 1, messageId(n)))
    const worker = async (w: number) => {
      const mine = [...all.slice(w * 7), ...all.slice(0, w * 7)]
      if (w % 2 === 1) mine.reverse()
      while (mine.length > 0) await bench.act(mine.splice(0, w + 3))
    }
    await Promise.all([0, 1, 2].map(worker))
    assert.equal(
      await counts(bench),
      [0, 1, 2].map((n) => ({ id: order(n), n: 8 })),
    )
    assert.is((await inbox(bench)).length, 24)
    // Said once each, and per order in the order of the counts.
    const said = await totals(bench)
    for (const id of [0, 1, 2].map(order)) {
      assert.equal(
        said.filter(([of]) => of === id).map(([, total]) => total),
        [1, 2, 3, 4, 5, 6, 7, 8],
      )
    }
  }),
)

test(
  'a silent rim keeps what was decided, and says nothing',
  withRim(async (bench) => {
    assert.equal(await kinds(bench.actSilently, ask(a, 1)), ['done'])
    assert.equal(await counts(bench), [{ id: a, n: 1 }])
    assert.equal(await totals(bench), [])
  }),
)

test.run()
