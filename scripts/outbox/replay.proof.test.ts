// limit: 300 s
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { drain, type Seeding, seedRows, withStage } from './testing/with-stage.ts'

interface Foreseen {
  eventId: string
  type: string
  to: { queue: string; effect: string }[]
}

const foreseen = (out: string) =>
  JSON.parse(out) as {
    events: Foreseen[]
    services: Record<string, number>
    consumers: Record<string, Record<string, number>>
  }

test('a dry run lists what the run then sends, to whom, and what inboxes make of it; ids, order and bodies are kept', () =>
  withStage(async (stage) => {
    const [a, b] = [randomUUID(), randomUUID()]
    const rows: Seeding[] = [
      { orderId: a },
      { orderId: b },
      { orderId: a, type: 'OrderFailed' },
      { orderId: b, type: 'OrderSucceeded' },
    ]
    const seeded = await seedRows(stage, 'order', rows)
    await stage.sql('product', 'insert into inbox (consumer, event_id) values ($1, $2)', [
      'product.events',
      seeded[0]!.eventId,
    ])
    const dry = await stage.outbox('replay', '--all', '--dry-run', '--json')
    assert.is(dry.code, 0, dry.err)
    const plan = foreseen(dry.out)
    const [product, user] = [stage.name('product.events'), stage.name('user.events')]
    assert.equal(
      plan.events.map(({ eventId, to }) => [eventId, to.map(({ queue, effect }) => `${queue} ${effect}`)]),
      [
        [seeded[0]!.eventId, [`${product} skip`]],
        [seeded[1]!.eventId, [`${product} handle`]],
        [seeded[2]!.eventId, [`${product} handle`, `${user} handle`]],
        [seeded[3]!.eventId, []],
      ],
    )
    assert.equal(plan.consumers, { [product]: { skip: 1, handle: 2 }, [user]: { handle: 1 } })
    assert.equal(
      [stage.broker.wiretap.length, (await stage.sql('order', 'select from outbox_replays')).length],
      [0, 0],
    )

    const real = await stage.outbox('replay', '--all', '--json')
    assert.is(real.code, 0, real.err)
    const { runId, sent, finished } = JSON.parse(real.out)
    assert.equal([sent, finished], [4, true])
    for (const [queue, name] of [
      [product, 'product.events'],
      [user, 'user.events'],
    ] as const) {
      const got = await drain(stage, name)
      const planned = plan.events.filter(({ to }) => to.some((it) => it.queue === queue))
      assert.equal(
        got.map(({ id }) => id),
        planned.map(({ eventId }) => eventId),
      )
      assert.ok(got.every(({ headers }) => headers['x-replay'] === runId))
    }
    await eventually(() => stage.broker.wiretap.length === 4)
    assert.equal(
      stage.broker.wiretap.map(({ id }) => id),
      seeded.map(({ eventId }) => eventId),
    )
    assert.equal(JSON.parse(stage.broker.wiretap[0]!.body.toString()), { orderId: a })

    const [kept] = await stage.sql('order', 'select * from outbox_replays')
    assert.equal([kept!.id, kept!.matched, kept!.sent, kept!.target], [runId, '4', '4', null])
    assert.match(String(kept!.started_by), /.+@.+/)
    assert.ok(kept!.finished_at)
    const runs = await stage.outbox('runs', '--json')
    assert.is(JSON.parse(runs.out).length, 3)
  }))

test('--to reaches one queue and no other, by its short name', () =>
  withStage(async (stage) => {
    const [one] = await seedRows(stage, 'order', [{ type: 'OrderFailed' }, {}])
    const dry = await stage.outbox('replay', '--all', '--to', 'user.events', '--dry-run')
    assert.match(
      dry.out,
      `outbox row, event, event id, order -> queue: what happens there\norder 1 OrderFailed ${one!.eventId} ${one!.orderId} -> ${stage.name('user.events')}: handle\n`,
    )
    assert.match(
      dry.out,
      /-> \S+user\.events: ignore\nwould send 2 events: 2 of order, 0 of product, 0 of user\n/,
    )
    const real = await stage.outbox('replay', '--all', '--to', 'user.events', '--type', 'OrderFailed')
    assert.is(real.code, 0, real.err)
    assert.is(real.out, 'order: sent 1 of 1 event\nproduct: sent 0 of 0 events\nuser: sent 0 of 0 events\n')
    const got = await drain(stage, 'user.events')
    assert.equal(
      got.map(({ id }) => id),
      [one!.eventId],
    )
    assert.is(await stage.broker.count(stage.name('product.events')), 0)
    assert.is(stage.broker.wiretap.length, 0)
  }))

test('filters choose exactly: type, order, time, ids, trace, state', () =>
  withStage(async (stage) => {
    const order = randomUUID()
    const trace = 'ab'.repeat(16)
    const rows: Seeding[] = [
      { age: 7_200 },
      { orderId: order, age: 3_600 },
      { orderId: order, age: 60, type: 'OrderFailed' },
      { state: 'pending' },
      { state: 'parked' },
    ]
    await seedRows(stage, 'order', rows)
    await stage.sql(
      'order',
      `update outbox set headers = jsonb_build_object('traceparent', $1::text) where id = 2`,
      [`00-${trace}-00f067aa0ba902b7-01`],
    )
    const now = Date.now()
    const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString()
    const cases: [string[], number[]][] = [
      [['--all'], [1, 2, 3]],
      [
        ['--type', 'OrderPlaced'],
        [1, 2],
      ],
      [
        ['--type', 'OrderPlaced,OrderFailed'],
        [1, 2, 3],
      ],
      [
        ['--order', order],
        [2, 3],
      ],
      [['--order', order, '--type', 'OrderFailed'], [3]],
      [
        ['--correlation', order],
        [2, 3],
      ],
      [['--correlation', trace], [2]],
      [
        ['--since', '90m'],
        [2, 3],
      ],
      [['--since', ago(5_000), '--until', ago(1_000)], [2]],
      [['--service', 'order', '--from-id', '2', '--to-id', '2'], [2]],
      [['--status', 'pending'], [4]],
      [['--status', 'parked'], [5]],
      [['--service', 'user', '--all'], []],
      [['--order', randomUUID()], []],
    ]
    for (const [args, ids] of cases) {
      const { code, out, err } = await stage.outbox('replay', ...args, '--dry-run', '--json')
      assert.is(code, 0, err)
      assert.equal(
        JSON.parse(out).events.map(({ id }: { id: string }) => Number(id)),
        ids,
        args.join(' '),
      )
    }
  }))

test('an unpublished row goes only with all unpublished rows before it, and no replay marks one', () =>
  withStage(async (stage) => {
    const order = randomUUID()
    const rows: Seeding[] = [
      { orderId: order, state: 'pending' },
      { orderId: order, state: 'pending', type: 'OrderFailed' },
      { state: 'pending', type: 'OrderFailed' },
    ]
    const seeded = await seedRows(stage, 'order', rows)
    const { code, err } = await stage.outbox('replay', '--status', 'pending', '--type', 'OrderFailed')
    assert.is(code, 0, err)
    assert.equal(
      (await drain(stage, 'product.events')).map(({ id }) => id),
      [seeded[2]!.eventId],
    )
    const [left] = await stage.sql(
      'order',
      'select count(*)::int as n from outbox where published_at is null',
    )
    assert.is(left!.n, 3)
    const said = await stage.outbox('replay', '--order', order)
    assert.match(said.err, 'order: 2 pending rows left to the relay')
    assert.match(said.out, 'order: sent 0 of 0 events')
  }))

test('a refused event ends the run with its reason; mended, --resume goes on from there', () =>
  withStage(async (stage) => {
    const seeded = await seedRows(
      stage,
      'order',
      Array.from({ length: 20 }, () => ({})),
    )
    await stage.broker.withChannel((channel) =>
      channel.unbindQueue(stage.name('product.events'), stage.name('EX_TOPIC'), 'order.create'),
    )
    await stage.broker.withChannel((channel) =>
      channel.unbindQueue(`${stage.namespace}.wiretap`, stage.name('EX_TOPIC'), '#'),
    )
    const broken = await stage.outbox('replay', '--all')
    assert.is(broken.code, 1)
    assert.match(broken.err, /event \S+ \(OrderPlaced, row \d+\) can't be sent: /)
    assert.match(broken.err, /go on with: npm run outbox -- replay --resume \S+\n$/)
    await stage.broker.withChannel((channel) =>
      channel.bindQueue(stage.name('product.events'), stage.name('EX_TOPIC'), 'order.create'),
    )
    const mended = await stage.outbox('replay', '--resume')
    assert.is(mended.code, 0, mended.err)
    const got = new Set((await drain(stage, 'product.events')).map(({ id }) => id))
    assert.is(got.size, seeded.length)
    const again = await stage.outbox('replay', '--resume')
    assert.is(again.err, 'There is no unfinished replay.\nnext: npm run outbox -- runs\n')
  }))

test.run()
