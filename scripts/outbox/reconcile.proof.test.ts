// limit: 180 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { type Stage, seedRows, withStage } from './testing/with-stage.ts'

const bury = async (stage: Stage, ids: readonly string[]) => {
  const dead = stage.name('product.events.dead')
  await stage.broker.publish(
    ...ids.map((messageId) => ({ routingKey: dead, body: {}, properties: { messageId } })),
  )
  await eventually(async () => (await stage.broker.count(dead)) === ids.length)
  return dead
}

test('of very many dead letters so many are read as was said, the oldest, and it says how many were not', () =>
  withStage(async (stage) => {
    const seeded = await seedRows(stage, 'order', [{}, {}, {}])
    const dead = await bury(
      stage,
      seeded.map(({ eventId }) => eventId),
    )
    const whole = await stage.outbox('reconcile', '--json')
    assert.is(whole.code, 0, whole.err)
    assert.equal(JSON.parse(whole.out), { repair: false, missing: [], total: 0, sent: 0, unread: {} })
    const cut = await stage.outbox('reconcile', '--json', '--limit', '2')
    const { missing, unread } = JSON.parse(cut.out)
    assert.equal(
      [cut.code, missing.map(({ eventId }: { eventId: string }) => eventId), unread],
      [4, [seeded[2]!.eventId], { [dead]: 1 }],
    )
    assert.match(
      cut.err,
      `${dead}: read 2 of 3; events of the others may be listed as missing: --limit 3 reads them all\n`,
    )
  }))

test('Ctrl-C while dead letters are read ends it, and they are back where they were', () =>
  withStage(async (stage) => {
    const [one] = await seedRows(stage, 'order', [{}])
    const ids = Array.from({ length: 5_000 }, () => one!.eventId)
    const dead = await bury(stage, ids)
    const { child, ended } = stage.start('reconcile')
    await eventually(async () => (await stage.broker.count(dead)) < ids.length, { everyMs: 5 })
    child.kill('SIGINT')
    const { code, out, err } = await ended
    assert.equal([code, out, err], [130, '', 'interrupted; not everything was compared\n'])
    await eventually(async () => (await stage.broker.count(dead)) === ids.length)
  }))

test.run()
