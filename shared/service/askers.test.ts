import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Unavailable } from '../failure/index.ts'
import { noFaults } from '../lifecycle/index.ts'
import { eventually } from '../testing/index.ts'
import type { Rim } from './act.ts'
import { askers } from './askers.ts'
import { type Bump, type Counter, type CounterWorld, counters, messageId, order } from './testing.ts'

type Kept = Map<string, number>

/** The doors over a database in memory whose transactions begin when they are let, or fail as Unavailable. */
const doors = () => {
  const kept: Kept = new Map()
  const held: ((away: boolean) => void)[] = []
  const rim: Rim<Kept, CounterWorld, Counter> = {
    table: counters<Kept>({
      select: async (tx, ids) =>
        ids.flatMap((orderId) => (tx.has(orderId) ? [{ orderId, n: tx.get(orderId) as number }] : [])),
      upsert: async (tx, rows) => {
        for (const { orderId, n } of rows) tx.set(orderId, n)
      },
    }),
    async transaction(work) {
      if (await new Promise<boolean>((resolve) => held.push(resolve)))
        throw new Unavailable('away', { code: 'database.unavailable' })
      return work(kept)
    },
    insertNew: async (_tx, _consumer, ids) => new Set(ids),
    forget: async () => {},
    append: async () => {},
    says: () => true,
    committed() {},
    fault: noFaults,
  }
  return { ...askers(rim, 200), kept, held }
}

const bump = (n: number): Bump => ({ type: 'Bump', data: { orderId: order(n), by: 1 } })
const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'done',
    (error) => (error instanceof Unavailable ? error.code : error),
  )

for (const door of ['ask', 'askSilently'] as const) {
  test(`what waits for an answer while the database is away fails with those before it, and is never done (${door})`, async () => {
    const { held, kept, ...parts } = doors()
    const first = codeOf(parts[door](bump(1)))
    await eventually(() => held.length === 1)
    const waiting = Array.from({ length: 500 }, (_, n) => codeOf(parts[door](bump(n + 2))))
    held.pop()?.(true)
    assert.equal(new Set(await Promise.all([first, ...waiting])), new Set(['database.unavailable']))
    const next = codeOf(parts[door](bump(1_000)))
    await eventually(() => held.length === 1)
    held.pop()?.(false)
    assert.is(await next, 'done')
    assert.equal([...kept.keys()], [order(1_000)])
  })

  test(`what waits for an answer behind a slow database is refused in time, and is never done (${door})`, async () => {
    const { held, kept, ...parts } = doors()
    const first = codeOf(parts[door](bump(1)))
    await eventually(() => held.length === 1)
    const began = performance.now()
    const late = Array.from({ length: 500 }, (_, n) => codeOf(parts[door](bump(n + 2))))
    assert.equal(new Set(await Promise.all(late)), new Set(['service.overloaded']))
    assert.ok(performance.now() - began < 4_000)
    held.pop()?.(false)
    assert.is(await first, 'done')
    assert.equal([held.length, [...kept.keys()]], [0, [order(1)]])
  })
}

test('requests that wait do not hold up those of another kind', async () => {
  const { ask, held } = doors()
  const first = codeOf(ask(bump(1)))
  await eventually(() => held.length === 1)
  const other = ask({ type: 'Other', data: { orderId: order(2) } }).catch(() => 'decided')
  await eventually(() => held.length === 2)
  held[1]?.(false)
  assert.is(await other, 'decided')
  held[0]?.(false)
  assert.is(await first, 'done')
})

test('a command waits longer than a request would, and whatever became of those before it', async () => {
  const { askOnce, askSilently, held, kept } = doors()
  const first = codeOf(askOnce('order.create', bump(1), messageId(1), {}))
  await eventually(() => held.length === 1)
  const second = codeOf(askOnce('order.create', bump(2), messageId(2), {}))
  void codeOf(askSilently(bump(3)))
  await eventually(() => held.length === 2)
  assert.is(await codeOf(askSilently(bump(4))), 'service.overloaded')
  held[0]?.(true)
  assert.is(await first, 'database.unavailable', 'told to its door, which tries again')
  await eventually(() => held.length === 3)
  held[2]?.(false)
  assert.is(await second, 'done')
  assert.equal([...kept.keys()], [order(2)])
})

test.run()
