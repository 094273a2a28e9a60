import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom } from './random.ts'
import { compareRatios } from './ratios.ts'
import { signFlipTest } from './sign-flip.ts'
import { percentiles, quantile, spreadOf } from './statistics.ts'
import { studentQuantile } from './student.ts'

const oneTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test('nearest rank, against values worked out by hand', () => {
  assert.is(quantile([15, 20, 35, 40, 50], 0.05), 15)
  assert.is(quantile([15, 20, 35, 40, 50], 0.3), 20)
  assert.is(quantile([50, 40, 35, 20, 15], 0.4), 20)
  assert.is(quantile([15, 20, 35, 40, 50], 0.5), 35)
  assert.is(quantile([15, 20, 35, 40, 50], 1), 50)
  assert.is(quantile([], 0.5), null)
  assert.equal(percentiles(oneTo(100)), { count: 100, p50: 50, p95: 95, p99: 99, max: 100 })
  assert.equal(percentiles(oneTo(1_000)), { count: 1_000, p50: 500, p95: 950, p99: 990, max: 1_000 })
  assert.equal(percentiles([]), { count: 0, p50: null, p95: null, p99: null, max: null })
})

test('a quantile is a measured value that enough values do not exceed, and no smaller one is', () => {
  const samples = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1 })
  fc.assert(
    fc.property(samples, fc.integer({ min: 1, max: 100 }), (values, percent) => {
      const found = quantile(values, percent / 100)
      assert.ok(found !== null && values.includes(found))
      assert.ok(values.filter((value) => value <= found).length * 100 >= percent * values.length)
      assert.ok(values.filter((value) => value < found).length * 100 < percent * values.length)
    }),
  )
})

test('median and spread over rounds', () => {
  assert.equal(spreadOf([3, 1, 2]), { median: 2, low: 1, high: 3 })
  assert.equal(spreadOf([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4 })
  assert.equal(spreadOf([null, 7]), { median: 7, low: 7, high: 7 })
  assert.is(spreadOf([null]), null)
})

test("Student's quantiles agree with the table where the expansion takes over", () => {
  assert.is(studentQuantile(3), 5.8409)
  for (const [freedom, value] of [
    [11, 3.1058],
    [20, 2.8453],
    [30, 2.75],
    [120, 2.6174],
  ] as const) {
    assert.ok(Math.abs(studentQuantile(freedom) - value) < 0.001, `${freedom}: ${studentQuantile(freedom)}`)
  }
})

test('the interval, worked out by hand: ratios 1.1, 1.2, 1.3 over three rounds', () => {
  const result = compareRatios([100, 100, 100], [110, 120, 130])
  // logs 0.095310 0.182322 0.262364: mean 0.179999, deviation 0.083549, t 9.9248
  assert.ok(Math.abs((result.effect ?? 0) - 1.19722) < 1e-4)
  assert.ok(Math.abs((result.interval?.[0] ?? 0) - 0.74176) < 1e-3)
  assert.ok(Math.abs((result.interval?.[1] ?? 0) - 1.93233) < 2e-3)
  assert.is(result.verdict, 'no difference shown')
  assert.is(result.signFlip, null)
})

test('the sign-flip test, worked out by hand', () => {
  assert.is(signFlipTest([1, 1, 1, 1, 1, 1], 's'), 2 / 64)
  assert.is(signFlipTest([1, -1], 's'), 1)
  assert.is(signFlipTest([3, 2, -1], 's'), 4 / 8)
  const many = signFlipTest([...new Array<number>(19).fill(1), -1], 's')
  assert.ok(many < 0.001)
  assert.is(many, signFlipTest([...new Array<number>(19).fill(1), -1], 's'))
})

test('one round, or rounds without figures, show nothing', () => {
  assert.is(compareRatios([10], [20]).verdict, 'no difference shown')
  assert.is(compareRatios([10, null, 10], [20, 20, null]).rounds, 1)
  assert.is(compareRatios([], []).effect, null)
  assert.is(compareRatios([0, 0, 0], [1, 1, 1]).rounds, 0)
})

test('a difference below one per cent is not claimed, however sure', () => {
  assert.is(
    compareRatios([1_000, 1_000, 1_000, 1_000], [1_004, 1_004, 1_004, 1_004]).verdict,
    'no difference shown',
  )
})

test('turning the sides around turns the verdict around', () => {
  const figures = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 2, maxLength: 9 })
  const turned = { lower: 'higher', higher: 'lower', 'no difference shown': 'no difference shown' }
  fc.assert(
    fc.property(figures, figures, (one, other) => {
      assert.is(compareRatios(one, other).verdict, turned[compareRatios(other, one).verdict])
    }),
  )
})

/** Rounds as they come: the machine is slower in some rounds (for both sides), and each side has noise of its own. */
const rounds = (seed: string, count: number, noise: number, slowdown: number) => {
  const random = createRandom(seed)
  const machine = Array.from({ length: count }, () => 20 * Math.exp(0.2 * random.normal()))
  const side = (factor: number) => machine.map((ms) => ms * factor * Math.exp(noise * random.normal()))
  return compareRatios(side(1), side(slowdown), seed)
}

const share = (count: number, holds: (seed: string) => boolean) =>
  Array.from({ length: count }, (_, i) => holds(`trial ${i}`)).filter(Boolean).length / count

test('a side against itself: a difference is claimed in no more than about 1 % of runs', () => {
  for (const count of [3, 4, 6, 8]) {
    const claims = share(2_000, (seed) => rounds(seed, count, 0.05, 1).verdict !== 'no difference shown')
    assert.ok(claims < 0.016, `${count} rounds: ${claims}`)
  }
})

test('a side slower by 20 % is found, and named the slower one, when rounds vary by 5 %', () => {
  const found = (count: number) => share(500, (seed) => rounds(seed, count, 0.05, 1.2).verdict === 'higher')
  assert.ok(found(6) > 0.9, `6 rounds: ${found(6)}`)
  assert.ok(found(8) > 0.98, `8 rounds: ${found(8)}`)
  assert.ok(share(500, (seed) => rounds(seed, 8, 0.05, 1.2).verdict === 'lower') === 0)
})

test.run()
