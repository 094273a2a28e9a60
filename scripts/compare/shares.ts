import { type Comparison, verdictOf } from './claim.ts'
import { signFlipFrom } from './sign-flip.ts'
import { meanOf } from './statistics.ts'
import { studentQuantile } from './student.ts'

/** Differences of half a point or less are not claimed, however sure. */
const smallestClaim = 0.5
/** Two rounds can agree by chance: with a fault that hits or misses, in one of eight comparisons. */
const leastRounds = 3

/**
 * Compares the shares (per cent) of two sides, one share a round, each of `orders` orders. A round counts as one draw, not as its
 * hundreds of orders: they meet the same outage together, so the spread between rounds is what says how sure a share is.
 *
 * Student's two-sample t interval of the rounds' shares, the analysis of cluster summaries (Donner and Klar, Design and Analysis of
 * Cluster Randomization Trials, 2000). Sides are not paired: what a fault does to a share has little to do with what it did to the
 * other side in that round, and with few pairs breaking the matches is the stronger test and stays a true one (Diehr, Martin, Koepsell
 * and Cheadle, Statistics in Medicine 14, 1995, 1491-1504). No side's rounds are taken to vary less than independent orders would, with
 * a success and a failure added so that a share of 0 or 100 is not sure either (Agresti and Caffo, The American Statistician 54, 2000).
 * Below three rounds nothing is claimed; from six on the sign-flip test has to agree.
 */
export const compareShares = (
  first: readonly (number | null)[],
  second: readonly (number | null)[],
  { orders, seed = 'sign-flip' }: { orders: number; seed?: string },
): Comparison => {
  const both = first.flatMap((one, round): [number, number][] => {
    const other = second[round] ?? null
    return one === null || other === null ? [] : [[one, other]]
  })
  const rounds = both.length
  const nothing = { scale: 'points', verdict: 'no difference shown', rounds } as const
  if (rounds < 2) return { ...nothing, effect: null, interval: null, signFlip: null }
  const sides = [both.map(([one]) => one), both.map(([, other]) => other)] as const
  const effect = meanOf(sides[1]) - meanOf(sides[0])
  const error = Math.sqrt((varianceOf(sides[0], orders) + varianceOf(sides[1], orders)) / rounds)
  const half = studentQuantile(2 * (rounds - 1)) * error
  const signFlip = signFlipFrom(
    both.map(([one, other]) => other - one),
    seed,
  )
  const claimed = rounds >= leastRounds ? verdictOf(effect, half, smallestClaim, signFlip) : nothing.verdict
  return { ...nothing, verdict: claimed, effect, interval: [effect - half, effect + half], signFlip }
}

/** Between rounds, and no less than that of as many independent orders. */
const varianceOf = (shares: readonly number[], orders: number): number => {
  const mean = meanOf(shares)
  const seen = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (shares.length - 1)
  const all = shares.length * orders
  const share = ((mean / 100) * all + 1) / (all + 2)
  return Math.max(seen, (100 ** 2 * share * (1 - share)) / orders)
}
