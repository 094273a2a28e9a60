import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom, type Random } from './random.ts'
import { compareShares } from './shares.ts'

const verdict = (first: (number | null)[], second: (number | null)[], orders = 400) =>
  compareShares(first, second, { orders }).verdict

test('the interval, worked out by hand: 80, 90, 100 against 50, 60, 70', () => {
  const result = compareShares([80, 90, 100], [50, 60, 70], { orders: 1_000 })
  // variance 100 on each side, error sqrt(200 / 3) = 8.16497, t of 4 degrees of freedom 4.6041
  assert.is(result.effect, -30)
  assert.ok(Math.abs((result.interval?.[0] ?? 0) - -67.5923) < 1e-3)
  assert.ok(Math.abs((result.interval?.[1] ?? 0) - 7.5923) < 1e-3)
  assert.equal(
    [result.scale, result.verdict, result.rounds, result.signFlip],
    ['points', 'no difference shown', 3, null],
  )
})

test('what never varies is as sure as so many independent orders, and no surer', () => {
  const result = compareShares([100, 100, 100, 100], [100, 100, 100, 100], { orders: 25 })
  // 100 orders and (x + 1) / (n + 2): 101 / 102; variance 10 000 * 101 / 102 / 102 / 25 on each side, t of 6 degrees 3.7074
  assert.ok(Math.abs((result.interval?.[1] ?? 0) - 3.7074 * Math.sqrt((2 * 3.88312) / 4)) < 1e-3)
  assert.is(verdict([99, 99, 99], [97, 97, 97], 100), 'no difference shown')
  assert.is(verdict([99, 99, 99], [97, 97, 97], 10_000), 'lower')
})

test('a clear difference is shown in four rounds, though the rounds vary', () => {
  assert.is(verdict([100, 100, 100, 100], [50.75, 59, 71, 76.5]), 'lower')
  assert.is(verdict([50.75, 59, 71, 76.5], [100, 100, 100, 100]), 'higher')
  assert.is(verdict([100, 99, 100, 99], [0, 1, 0, 0]), 'lower')
})

test('half a point or less is not claimed, nor anything from two rounds, nor from rounds without figures', () => {
  assert.is(verdict([99, 99, 99], [99.4, 99.4, 99.4], 1_000_000), 'no difference shown')
  assert.is(verdict([100, 100], [0, 0]), 'no difference shown')
  assert.is(verdict([100, null, 100, 100], [0, 0, null, 0]), 'no difference shown')
  assert.is(compareShares([100], [0], { orders: 100 }).effect, null)
})

const trials = 1_000
const roundCounts = [3, 4, 6, 8]
const orders = 100

/** The chance of one order to end well in one round; `common` is the round's, normal with deviation 1, the same for both sides. */
type Chance = (random: Random, common: number) => number

/** How often a difference is claimed between two such sides: rounds of 100 orders, each ending well or not by its round's chance. */
const claims = (first: Chance, second: Chance, rounds: number) => {
  let claimed = 0
  for (let trial = 0; trial < trials; trial += 1) {
    const random = createRandom(`trial ${trial}`)
    const commons = Array.from({ length: rounds }, () => random.normal())
    const share = (chance: number) =>
      (100 * Array.from({ length: orders }, () => random.next() < chance).filter(Boolean).length) / orders
    const side = (chance: Chance) => commons.map((common) => share(chance(random, common)))
    const { verdict } = compareShares(side(first), side(second), { orders, seed: `${trial}` })
    if (verdict !== 'no difference shown') claimed += 1
  }
  return claimed / trials
}

const around = (share: number, shift: number) => 1 / (1 + (1 / share - 1) * Math.exp(-shift))
const varying =
  (share: number, own: number, common = 0): Chance =>
  (random, shared) =>
    around(share, own * random.normal() + common * shared)

const bothSides: [what: string, chance: Chance][] = [
  ['65 %, rounds alike', varying(0.65, 0)],
  ['65 %, rounds vary', varying(0.65, 0.5)],
  ['65 %, rounds vary much', varying(0.65, 2)],
  ['65 %, rounds vary, most of it in common', varying(0.65, 0.3, 1)],
  ['99 %, rounds vary', varying(0.99, 1)],
  ['a fault that hits every second round', (random) => (random.next() < 0.5 ? 0.6 : 1)],
  ['a fault that hits every fifth round', (random) => (random.next() < 0.2 ? 0.6 : 1)],
]

test('a side against itself: however the rounds vary, a difference is claimed in less than 5 % of runs', () => {
  for (const [what, chance] of bothSides) {
    for (const rounds of roundCounts) {
      const claimed = claims(chance, chance, rounds)
      assert.ok(claimed < 0.05, `${what}, ${rounds} rounds: ${claimed}`)
    }
  }
})

test('nor is it more when the same share is steady on one side and varies on the other', () => {
  for (const rounds of roundCounts) {
    const claimed = claims(
      () => 0.6,
      (random) => 0.3 + 0.6 * random.next(),
      rounds,
    )
    assert.ok(claimed < 0.05, `${rounds} rounds: ${claimed}`)
  }
})

test('65 % that vary by 12 points against 100 % are found in four rounds, and named the lower', () => {
  const found = claims(() => 1, varying(0.65, 0.55), 4)
  assert.ok(found > 0.85, `${found}`)
})

test.run()
