import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Unavailable } from '../failure/index.ts'
import { eventually } from '../testing/index.ts'
import { createBatch } from './index.ts'

/** A run that ends when it is told to, and notes what it was given and how many ran at once. */
const heldRuns = (max: number) => {
  const runs: (readonly number[])[] = []
  let running = 0
  let most = 0
  let release = () => {}
  const add = createBatch<number, string>({
    max,
    run: async (items) => {
      runs.push(items)
      running += 1
      most = Math.max(most, running)
      await new Promise<void>((resolve) => {
        release = resolve
      })
      running -= 1
      return items.map((item) => `done ${item}`)
    },
  })
  return { add, runs, release: () => release(), most: () => most }
}

test('what comes in one turn is one batch; what comes while it runs waits, and is the next', async () => {
  const { add, runs, release, most } = heldRuns(100)
  const first = [1, 2].map(add)
  await eventually(() => runs.length === 1)
  const second = [3, 4, 5].map(add)
  await turn()
  assert.equal(runs, [[1, 2]])
  release()
  assert.equal(await Promise.all(first), ['done 1', 'done 2'])
  await eventually(() => runs.length === 2)
  release()
  assert.equal(await Promise.all(second), ['done 3', 'done 4', 'done 5'])
  assert.equal(runs, [
    [1, 2],
    [3, 4, 5],
  ])
  assert.is(most(), 1)
})

test('what comes later in the same turn, as requests on other sockets do, is of the same batch', async () => {
  const { add, runs, release } = heldRuns(100)
  const first = add(1)
  for (let n = 0; n < 10; n += 1) await Promise.resolve()
  const second = add(2)
  await eventually(() => runs.length === 1)
  assert.equal(runs, [[1, 2]])
  release()
  await Promise.all([first, second])
})

test('no batch is larger than max; the rest follows in order', async () => {
  const runs: (readonly number[])[] = []
  const add = createBatch<number, number>({
    max: 2,
    run: async (items) => {
      runs.push(items)
      return items
    },
  })
  assert.equal(await Promise.all([1, 2, 3, 4, 5].map(add)), [1, 2, 3, 4, 5])
  assert.equal(runs, [[1, 2], [3, 4], [5]])
})

test('an idle batch starts again, and adds no delay of its own', async () => {
  const add = createBatch<number, number>({ max: 10, run: async (items) => items.map((it) => it * 2) })
  for (let n = 0; n < 3; n += 1) {
    const result = add(n)
    await turn()
    assert.is(await Promise.race([result, Promise.resolve('late')]), n * 2)
  }
})

test('a throw rejects its own batch, at once or later, and the next goes on', async () => {
  for (const fail of [
    () => {
      throw new Error('broken')
    },
    () => Promise.reject(new Error('broken')),
  ]) {
    const add = createBatch<number, number>({
      max: 2,
      run: (items) => (items.includes(2) ? fail() : Promise.resolve(items)),
    })
    const results = await Promise.allSettled([1, 2, 3, 4].map(add))
    assert.equal(
      results.map((it) => (it.status === 'fulfilled' ? it.value : it.reason.message)),
      ['broken', 'broken', 3, 4],
    )
    assert.is(await add(5), 5)
  }
})

test('with patience, what waits when a batch throws Unavailable fails with it unrun; another throw is its own batch only', async () => {
  const away = new Unavailable('away', { code: 'away' })
  for (const [thrown, expected, later] of [
    [away, ['away', 'away', 'away'], [[1]]],
    [new Error('broken'), ['broken', 2, 3], [[1], [2, 3]]],
  ] as const) {
    const runs: (readonly number[])[] = []
    const add = createBatch<number, number>({
      max: 10,
      patienceMs: 60_000,
      run: async (items) => {
        runs.push(items)
        if (!items.includes(1)) return items
        waiting.push(...[2, 3].map(add))
        throw thrown
      },
    })
    const waiting: Promise<number>[] = []
    const first = await Promise.allSettled([add(1)])
    const outcomes = [...first, ...(await Promise.allSettled(waiting))]
    assert.equal(
      outcomes.map((it) => (it.status === 'fulfilled' ? it.value : it.reason.message)),
      expected,
    )
    assert.equal(runs, later)
    assert.is(await add(4), 4)
  }
})

test('with patience, what has waited so long is given up unrun, and what runs is not', async () => {
  let release = () => {}
  const runs: (readonly number[])[] = []
  const add = createBatch<number, number>({
    max: 2,
    patienceMs: 20,
    run: async (items) => {
      runs.push(items)
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return items
    },
  })
  const begun = add(1)
  await eventually(() => runs.length === 1)
  for (const error of await Promise.all([2, 3, 4].map((n) => add(n).catch((it: unknown) => it))))
    assert.is((error as Unavailable).code, 'service.overloaded')
  release()
  assert.is(await begun, 1)
  const next = add(5)
  await eventually(() => runs.length === 2)
  release()
  assert.is(await next, 5)
  assert.equal(runs, [[1], [5]])
})

test('whatever comes when: each gets its own result, in batches of at most max, one at a time, in order', async () => {
  const arrivals = fc.array(fc.record({ pauseBefore: fc.boolean(), fails: fc.boolean() }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 7 }), async (items, max) => {
      const handled: number[] = []
      let running = 0
      const add = createBatch<number, number>({
        max,
        run: async (batch) => {
          running += 1
          assert.is(running, 1)
          assert.ok(batch.length >= 1 && batch.length <= max)
          handled.push(...batch)
          await turn()
          running -= 1
          if (batch.some((index) => items[index]?.fails)) throw batch
          return batch.map((index) => index * 10)
        },
      })
      const results: Promise<number | 'failed with its batch'>[] = []
      for (const [index, { pauseBefore }] of items.entries()) {
        if (pauseBefore) await turn()
        const failedWith = (batch: readonly number[]) => {
          assert.ok(batch.includes(index))
          return 'failed with its batch' as const
        }
        results.push(add(index).catch(failedWith))
      }
      for (const [index, result] of (await Promise.all(results)).entries()) {
        if (items[index]?.fails) assert.is(result, 'failed with its batch')
        else assert.ok(result === index * 10 || result === 'failed with its batch')
      }
      assert.equal(
        handled,
        items.map((_, index) => index),
      )
    }),
    { numRuns: 60 },
  )
})

test.run()
