// limit: 600 s
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { commandEnv, type Stage, seedRows, startOutbox, withStage } from './testing/with-stage.ts'

const orders = Array.from({ length: 40 }, () => randomUUID())
const rows = Array.from({ length: 1_200 }, (_, index) => ({ orderId: orders[index % orders.length]! }))

/** What the wiretap got: nothing is missing, and within an order the first of each came in the order of the outbox. */
const completeAndInOrder = async (stage: Stage, seeded: readonly { eventId: string; orderId: string }[]) => {
  await eventually(() => new Set(stage.broker.wiretap.map(({ id }) => id)).size === seeded.length)
  for (const order of orders) {
    const came = [...new Set(stage.broker.wiretap.filter((it) => it.orderId === order).map(({ id }) => id))]
    assert.equal(
      came,
      seeded.filter(({ orderId }) => orderId === order).map(({ eventId }) => eventId),
    )
  }
}

const kept = async (stage: Stage) => (await stage.sql('order', 'select * from outbox_replays'))[0]!

test('killed in the middle, twice, a replay goes on without a gap, and repeats little', () =>
  withStage(async (stage) => {
    const seeded = await seedRows(stage, 'order', rows)
    const first = stage.start('replay', '--service', 'order', '--all', '--rate', '400')
    await eventually(() => stage.broker.wiretap.length > 200, { withinMs: 30_000 })
    first.child.kill('SIGKILL')
    await first.ended
    const run = await kept(stage)
    assert.ok(Number(run.sent) < rows.length)
    assert.is(run.finished_at, null)

    const second = stage.start('replay', '--resume', '--rate', '400')
    const before = stage.broker.wiretap.length
    await eventually(() => stage.broker.wiretap.length > before + 200, { withinMs: 30_000 })
    second.child.kill('SIGKILL')
    await second.ended

    const third = await stage.outbox('replay', '--resume', String(run.id), '--rate', '2000', '--json')
    assert.is(third.code, 0, third.err)
    const { services, finished } = JSON.parse(third.out)
    assert.equal(
      [services, finished],
      [[{ service: 'order', matched: 1_200, sent: 1_200, finished: true }], true],
    )
    await completeAndInOrder(stage, seeded)
    assert.ok(stage.broker.wiretap.length < rows.length + 900, `${stage.broker.wiretap.length} came`)
  }))

test('Ctrl-C ends a replay with 130 and the command to go on; meanwhile nobody else can send it', () =>
  withStage(async (stage) => {
    const seeded = await seedRows(stage, 'order', rows)
    const first = stage.start('replay', '--service', 'order', '--all', '--rate', '100')
    await eventually(() => stage.broker.wiretap.length > 20, { withinMs: 30_000 })
    const twice = await stage.outbox('replay', '--resume')
    assert.is(twice.code, 2)
    assert.match(
      twice.err,
      /^The replay \S+ is being sent by another process\.\nnext: npm run outbox -- runs\n$/,
    )
    first.child.kill('SIGINT')
    const { code, out, err } = await first.ended
    const run = await kept(stage)
    assert.is(code, 130)
    assert.match(out, /^order: sent \d+ of 1200 events, not finished\n$/)
    assert.is(err, `replay ${run.id}\ngo on with: npm run outbox -- replay --resume ${run.id}\n`)
    assert.is(Number(run.sent), new Set(stage.broker.wiretap.map(({ id }) => id)).size)
    const rest = await stage.outbox('replay', '--resume', '--rate', '2000')
    assert.is(rest.code, 0, rest.err)
    await completeAndInOrder(stage, seeded)
    assert.is(stage.broker.wiretap.length, rows.length)
  }))

for (const [point, sentBefore] of [
  ['replay.afterSelect:kill:2', 'a page'],
  ['replay.midBatch:kill:700', 'more than a page'],
  ['replay.afterPublish:kill:2', 'what was not written down yet'],
] as const)
  test(`killed at ${point}, when it had sent ${sentBefore}: resumed, nothing is missing or out of order`, () =>
    withStage(async (stage) => {
      const seeded = await seedRows(stage, 'order', rows)
      const env = commandEnv(stage.namespace, stage.amqpUrl, { FAULT: point })
      const all = ['replay', '--service', 'order', '--all', '--rate', '1500']
      const { code, err } = await startOutbox(env, all).ended
      assert.equal(
        [code, err.split('\n').at(-2)],
        [null, `fault: ${point.replace(':kill:', ' kill at pass ')}`],
      )
      const run = await kept(stage)
      assert.equal([Number(run.sent) < rows.length, run.finished_at], [true, null])
      const rest = await stage.outbox('replay', '--resume', '--rate', '1500')
      assert.equal([rest.code, rest.out], [0, 'order: sent 1200 of 1200 events\n'], rest.err)
      await completeAndInOrder(stage, seeded)
    }))

test('SIGTERM ends a replay as Ctrl-C does; two replays at once send twice, and each is whole', () =>
  withStage(async (stage) => {
    const seeded = await seedRows(stage, 'order', rows)
    const ended = stage.start('replay', '--service', 'order', '--all', '--rate', '100')
    await eventually(() => stage.broker.wiretap.length > 20, { withinMs: 30_000 })
    ended.child.kill('SIGTERM')
    assert.is((await ended.ended).code, 130)
    const before = stage.broker.wiretap.length
    const both = await Promise.all(
      ['600', '800'].map((rate) => stage.outbox('replay', '--service', 'order', '--all', '--rate', rate)),
    )
    for (const { code, out } of both) assert.equal([code, out], [0, 'order: sent 1200 of 1200 events\n'])
    await eventually(() => stage.broker.wiretap.length >= before + 2 * rows.length)
    await completeAndInOrder(stage, seeded)
  }))

test('the reader of a listing may go away', () =>
  withStage(async (stage) => {
    await seedRows(stage, 'order', rows)
    for (const args of [
      ['replay', '--all', '--dry-run'],
      ['replay', '--all', '--dry-run', '--json'],
    ]) {
      const { child, ended } = stage.start(...args)
      child.stdout?.once('data', () => child.stdout?.destroy())
      const { code, err } = await ended
      assert.equal([code, err], [130, ''], args.join(' '))
    }
  }))

test.run()
