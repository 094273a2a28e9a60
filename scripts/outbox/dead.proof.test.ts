// limit: 300 s
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, type Options } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, startSilentProxy } from '../../shared/testing/index.ts'
import { commandEnv, drain, type Stage, seedRows, startOutbox, withStage } from './testing/with-stage.ts'

/** A dead letter as a consumer leaves it. */
const bury = async (
  stage: Stage,
  queue: string,
  letters: readonly {
    id: string
    type?: string
    order?: string
    code?: string
    headers?: Record<string, unknown>
  }[],
) =>
  stage.broker.publish(
    ...letters.map(
      ({ id, type = 'OrderFailed', order = randomUUID(), code = 'event.data', headers = {} }) => ({
        routingKey: stage.name(`${queue}.dead`),
        body: { orderId: order },
        properties: {
          messageId: id,
          type,
          correlationId: order,
          appId: 'order',
          headers: {
            'cloudEvents:id': id,
            'x-attempt': 3,
            'x-reason': 'no such thing',
            'x-reason-code': code,
            'x-failed-at': '2026-11-22T10:00:00.000Z',
            'x-consumer': stage.name(queue),
            'x-failures': ['2026-11-22T09:59:00.000Z first', '2026-11-22T10:00:00.000Z no such thing'],
            'x-original-exchange': stage.name('EX_ORDER'),
            'x-original-routing-key': 'update.cancel',
            ...headers,
          },
        },
      }),
    ),
  )

/** A dead letter of bytes that no client of Node writes. */
const buryBytes = async (
  { amqpUrl, name }: Stage,
  queue: string,
  properties: Options.Publish,
  change: (frame: Buffer) => Buffer,
) => {
  const model = await connect(amqpUrl)
  try {
    const channel = await model.createConfirmChannel()
    const socket = (model.connection as unknown as { stream: Socket }).stream
    const { write } = socket
    socket.write = (frame: string | Uint8Array) =>
      write.call(socket, change(Buffer.from(frame as Uint8Array)))
    channel.sendToQueue(name(`${queue}.dead`), Buffer.from('{}'), properties)
    await channel.waitForConfirms()
  } finally {
    await model.close()
  }
}

const ids = Array.from({ length: 6 }, () => randomUUID())

test('list and show tell what is dead and why, and leave it where it was', () =>
  withStage(async (stage) => {
    const order = randomUUID()
    await bury(stage, 'user.events', [
      { id: ids[0]!, order },
      { id: ids[1]!, code: 'retries.exhausted' },
    ])
    await bury(stage, 'product.events', [{ id: ids[2]!, type: 'OrderPlaced', order }])
    const all = await stage.outbox('dead', 'list')
    assert.is(all.code, 0, all.err)
    assert.match(
      all.out,
      `${stage.name('user.events')} OrderFailed ${ids[0]} order ${order} event.data: no such thing (2026-11-22T10:00:00.000Z)\n`,
    )
    assert.match(all.out, `${stage.name('user.events')}: 1 event.data, 1 retries.exhausted\n`)
    const cases: [string[], string[]][] = [
      [[], [ids[2]!, ids[0]!, ids[1]!]],
      [['--reason', 'retries.exhausted'], [ids[1]!]],
      [
        ['--order', order],
        [ids[2]!, ids[0]!],
      ],
      [['--type', 'OrderPlaced'], [ids[2]!]],
      [
        ['--queue', 'user.events'],
        [ids[0]!, ids[1]!],
      ],
    ]
    for (const [args, expected] of cases) {
      const { out, err } = await stage.outbox('dead', 'list', '--json', ...args)
      assert.equal(
        JSON.parse(out).letters.map(({ id }: { id: string }) => id),
        expected,
        args.join(' ') + err,
      )
    }
    const shown = await stage.outbox('dead', 'show', ids[0]!)
    assert.is(shown.code, 0, shown.err)
    assert.match(shown.out, 'headers:\n  cloudEvents:id: ')
    assert.match(
      shown.out,
      'failures:\n  2026-11-22T09:59:00.000Z first\n  2026-11-22T10:00:00.000Z no such thing\n',
    )
    assert.match(shown.out, `body:\n  {"orderId":"${order}"}`)
    const none = await stage.outbox('dead', 'show', ids[5]!)
    assert.equal(
      [none.code, none.err],
      [1, `There is no dead letter with the id ${ids[5]}.\nnext: npm run outbox -- dead list\n`],
    )
    const status = JSON.parse((await stage.outbox('status', '--json')).out)
    const user = status.broker.queues.find(
      ({ queue }: { queue: string }) => queue === stage.name('user.events'),
    )
    assert.equal([user.dead, user.deadByReason], [2, { 'event.data': 1, 'retries.exhausted': 1 }])
    assert.equal(
      (await drain(stage, 'user.events.dead')).map(({ id }) => id),
      [ids[0], ids[1]],
    )
  }))

test('redrive gives back to that one consumer, in order, as a first try of the same message', () =>
  withStage(async (stage) => {
    await bury(
      stage,
      'user.events',
      ids.map((id, index) => ({ id, code: index % 2 ? 'event.data' : 'retries.exhausted' })),
    )
    await bury(stage, 'product.events', [{ id: ids[0]! }])
    const dry = await stage.outbox(
      'dead',
      'redrive',
      '--reason',
      'event.data',
      '--queue',
      'user.events',
      '--dry-run',
    )
    assert.match(dry.out, /would give back 3 dead letters\n$/)
    const some = await stage.outbox('dead', 'redrive', '--reason', 'event.data', '--queue', 'user.events')
    assert.is(some.code, 0, some.err)
    assert.match(some.out, /gave back 3 dead letters\n$/)
    const got = await drain(stage, 'user.events')
    assert.equal(
      got.map(({ id }) => id),
      [ids[1], ids[3], ids[5]],
    )
    assert.equal(
      Object.keys(got[0]!.headers)
        .filter((name) => name !== 'x-delivery-count')
        .sort(),
      ['cloudEvents:id', 'x-original-exchange', 'x-original-routing-key'],
    )
    assert.is(await stage.broker.count(stage.name('product.events')), 0)
    const rest = await stage.outbox('dead', 'redrive', '--queue', 'user.events', '--json')
    assert.is(JSON.parse(rest.out).letters, 3)
    assert.equal(
      (await drain(stage, 'user.events')).map(({ id }) => id),
      [ids[0], ids[2], ids[4]],
    )
    assert.is(await stage.broker.count(stage.name('user.events.dead')), 0)
    assert.is(await stage.broker.count(stage.name('product.events.dead')), 1)
  }))

test('a letter that can not be sent again stays with what follows of its order, is told with the next step, and keeps nobody else', () =>
  withStage(async (stage) => {
    const order = randomUUID()
    await bury(stage, 'user.events', [{ id: ids[0]!, order }])
    // Bytes that are no UTF-8: read, each takes three bytes to be written again.
    const asWritten = '\u00fe'.repeat(127)
    const bytes = Buffer.alloc(254, 0xff)
    await buryBytes(stage, 'user.events', { messageId: asWritten, correlationId: order }, (frame) =>
      Buffer.from(
        frame
          .toString('latin1')
          .replaceAll(Buffer.from(asWritten).toString('latin1'), bytes.toString('latin1')),
        'latin1',
      ),
    )
    await bury(stage, 'user.events', [{ id: ids[1]!, order }, { id: ids[2]! }, { id: ids[3]! }])
    const { code, out, err } = await stage.outbox('dead', 'redrive', '--json')
    assert.is(code, 1, err)
    assert.equal(
      JSON.parse(out).queues.find(({ queue }: { queue: string }) => queue === stage.name('user.events')),
      { queue: stage.name('user.events'), letters: 3, stayed: 2 },
    )
    assert.match(err, /^stays: .*\n {2}refused, messageId is longer than 255 bytes\nnext: .*dead drop\n$/)
    assert.equal(
      (await drain(stage, 'user.events')).map(({ id }) => id),
      [ids[0], ids[2], ids[3]],
    )
    assert.equal((await drain(stage, 'user.events.dead')).map(({ id }) => id)[1], ids[1])
  }))

test('a broker that falls silent ends redrive and list with 69, and what was not given back stays', () =>
  withStage(async (stage) => {
    const count = 1_500
    await bury(
      stage,
      'user.events',
      Array.from({ length: count }, () => ({ id: randomUUID() })),
    )
    for (const command of ['redrive', 'list']) {
      const proxy = await startSilentProxy(stage.amqpUrl)
      const run = startOutbox(commandEnv(stage.namespace, proxy.url), ['dead', command])
      await new Promise((resolve) => run.child.stdout.once('data', resolve))
      proxy.silence()
      const { code, err } = await run.ended
      await proxy.close()
      assert.is(code, 69, err)
      assert.match(
        err,
        /^The (connection|broker) .*\nnext: the same command again when the broker answers\n$/,
      )
    }
    const gone = new Set((await drain(stage, 'user.events')).map(({ id }) => id)).size
    assert.ok(gone > 0 && gone < count)
    await eventually(async () => (await stage.broker.count(stage.name('user.events.dead'))) >= count - gone)
  }))

test('drop removes what it names and nothing else', () =>
  withStage(async (stage) => {
    await bury(
      stage,
      'user.events',
      ids.map((id) => ({ id })),
    )
    const dry = await stage.outbox('dead', 'drop', '--dry-run')
    assert.match(dry.out, /would remove 6 dead letters\n$/)
    const one = await stage.outbox('dead', 'drop', '--id', ids[2]!)
    assert.match(one.out, /removed 1 dead letter\n$/)
    const all = await stage.outbox('dead', 'list', '--json')
    assert.equal(
      JSON.parse(all.out).letters.map(({ id }: { id: string }) => id),
      ids.filter((id) => id !== ids[2]),
    )
    assert.is((await stage.outbox('dead', 'drop', '--yes')).code, 0)
    assert.is((await stage.outbox('dead', 'list')).out, 'no dead letters\n')
  }))

test('retry gives parked rows back to the relay, whole orders; status says what is parked and why', () =>
  withStage(async (stage) => {
    const [a, b] = [randomUUID(), randomUUID()]
    await seedRows(stage, 'order', [
      { orderId: a, state: 'parked' },
      { orderId: b, state: 'parked' },
      { orderId: a, state: 'parked', type: 'OrderFailed' },
      { state: 'pending', age: 30 },
    ])
    const status = await stage.outbox('status')
    assert.is(status.code, 0, status.err)
    assert.match(
      status.out,
      /^order: 1 pending, the oldest for 3\d s, 0\.0 published\/s, 3 parked\n {2}order \S+: 2 parked, first OrderPlaced \S+ after 0 tries: too large\n/,
    )
    assert.match(status.out, 'next: mend the cause, then npm run outbox -- retry')
    const dry = await stage.outbox('retry', '--type', 'OrderFailed', '--dry-run', '--json')
    assert.is(JSON.parse(dry.out).services[0].rows, 2)
    const left = async () =>
      (await stage.sql('order', 'select id::int from outbox where parked_at is not null')).map(({ id }) => id)
    assert.equal(await left(), [1, 2, 3])
    const one = await stage.outbox('retry', '--order', a)
    assert.match(one.out, /^order: 2 parked rows given back to the relay\n/)
    assert.equal(await left(), [2])
    await stage.outbox('retry')
    assert.equal(await left(), [])
  }))

test('a dry run of retry counts every parked row, however many orders they are of', () =>
  withStage(async (stage) => {
    await stage.sql(
      'order',
      `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, parked_at)
       select gen_random_uuid(), 'OrderPlaced', md5((n / 2)::text)::uuid, 'EX', 'order.create', '{}', clock_timestamp()
       from generate_series(0, 20199) as n`,
    )
    const dry = await stage.outbox('retry', '--service', 'order', '--dry-run')
    assert.match(dry.out, /^order: 20200 parked rows\n/)
    assert.match(dry.out.slice(-200), /\n {2}and 100 more orders\n$/)
    const real = await stage.outbox('retry', '--service', 'order', '--json')
    const [result] = JSON.parse(real.out).services
    assert.equal([result.rows, result.orders], [20_200, 10_100])
  }))

test('prune deletes what is old and published, and never an unpublished row', () =>
  withStage(async (stage) => {
    const week = 8 * 86_400
    await stage.sql(
      'order',
      `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, published_at)
       select gen_random_uuid(), 'OrderPlaced', gen_random_uuid(), 'EX', 'order.create', '{}', at, at
       from generate_series(1, 5000), (select clock_timestamp() - interval '8 days' as at) as past`,
    )
    await seedRows(stage, 'order', [
      { age: week, state: 'pending' },
      { age: week, state: 'parked' },
      { age: 60 },
    ])
    await stage.sql(
      'order',
      `insert into inbox (consumer, event_id, handled_at)
       select 'order.events', gen_random_uuid(), now() - days * interval '1 day' from unnest(array[9, 15, 16]) as days`,
    )
    const dry = await stage.outbox('prune', '--older-than', '7d', '--dry-run')
    assert.is(
      dry.out,
      [
        'order: would delete 5000 outbox rows and 2 inbox rows\n',
        'product: would delete 0 outbox rows and 0 inbox rows\n',
        'user: would delete 0 outbox rows and 0 inbox rows\n',
      ].join(''),
    )
    const plan = await stage.outbox('prune', '--older-than', '7d', '--dry-run', '--json')
    const real = await stage.outbox('prune', '--older-than', '7d', '--json')
    assert.equal(JSON.parse(real.out).services[0], { service: 'order', outbox: 5_000, inbox: 2 })
    assert.equal(JSON.parse(plan.out).services, JSON.parse(real.out).services)
    assert.equal([dry.err, real.err], ['', ''])
    await stage.outbox('prune', '--older-than', '1s')
    const left = await stage.sql('order', 'select published_at is null as open from outbox order by id')
    assert.equal(left, [{ open: true }, { open: true }])
    assert.is((await stage.sql('order', 'select from inbox')).length, 1)
  }))

test('prune asks a person, and says what is younger than it is kept', () =>
  withStage(async (stage) => {
    await seedRows(stage, 'order', [{ age: 60 }, { age: 60 }, { age: 9 * 86_400 }])
    const rows = async () => (await stage.sql('order', 'select from outbox')).length
    const young =
      "2 of these are younger than OUTBOX_RETENTION_HOURS (168): what is deleted can't be replayed, and the audit will miss it\n"
    const dry = await stage.outbox('prune', '--older-than', '30s', '--dry-run')
    assert.equal([dry.code, dry.err, await rows()], [0, young, 3])

    const no = await stage.atTerminal('n\r', 'prune', '--older-than', '30s')
    assert.equal([no.code, no.out, await rows()], [1, '', 3])
    assert.ok(no.err.startsWith(young), no.err)
    assert.match(no.err, 'Delete 3 outbox rows and 0 inbox rows for good? [y/N] ')
    assert.match(no.err, /Nothing was done\.\n$/)

    const yes = await stage.atTerminal('y\r', 'prune', '--older-than', '7d')
    assert.equal([yes.code, await rows()], [0, 2], yes.err)
    const unasked = await stage.atTerminal('', 'prune', '--older-than', '30s', '--yes')
    assert.equal([unasked.code, await rows()], [0, 0])
    assert.is(
      unasked.err,
      `${young}The audit will report them until these orders are older than an hour; from then on give it OUTBOX_RETENTION_HOURS=1.\n`,
    )
  }))

test('a letter whose id is no UUID is shown and dropped by it, in any case', () =>
  withStage(async (stage) => {
    await bury(stage, 'user.events', [
      { id: 'Order 12', code: 'envelope.id' },
      { id: ids[0]!, code: 'envelope.id' },
    ])
    const shown = await stage.outbox('dead', 'show', 'order 12')
    assert.is(shown.code, 0, shown.err)
    assert.match(shown.out, 'messageId: Order 12\n')
    const dropped = await stage.outbox('dead', 'drop', '--id', 'Order 12')
    assert.match(dropped.out, 'removed 1 dead letter\n')
    const rest = await stage.outbox('dead', 'list', '--json')
    assert.is(JSON.parse(rest.out).letters.length, 1)
    assert.is((await stage.outbox('dead', 'show', '')).code, 2)
  }))

test.run()
