import { type Comparison, verdictOf } from './claim.ts'
import { signFlipFrom } from './sign-flip.ts'
import { meanOf } from './statistics.ts'
import { studentQuantile } from './student.ts'

/** Smaller ones are not claimed, however sure: clocks tick in milliseconds. */
const smallestClaim = Math.log(1.01)

/**
 * Compares one time or cost of two sides, paired by round: both sides of a round had the same workload and about the same machine.
 * Student's t interval of the rounds' log-ratios; a difference is claimed when the whole 99 % interval lies on one side of what is
 * too small to claim, and, from six rounds on, when the exact sign-flip test agrees, so that no assumption about the shape carries a
 * claim alone.
 */
export const compareRatios = (
  first: readonly (number | null)[],
  second: readonly (number | null)[],
  seed = 'sign-flip',
): Comparison => {
  const scale = 'ratio'
  const effects = logRatiosOf(first, second)
  const rounds = effects.length
  const verdict = 'no difference shown'
  if (rounds < 2) return { scale, verdict, effect: null, interval: null, signFlip: null, rounds }
  const mean = meanOf(effects)
  const squares = effects.reduce((sum, effect) => sum + (effect - mean) ** 2, 0)
  const half = studentQuantile(rounds - 1) * Math.sqrt(squares / (rounds - 1) / rounds)
  const signFlip = signFlipFrom(effects, seed)
  return {
    scale,
    verdict: verdictOf(mean, half, smallestClaim, signFlip),
    effect: Math.exp(mean),
    interval: [Math.exp(mean - half), Math.exp(mean + half)],
    signFlip,
    rounds,
  }
}

/** Of the rounds in which both sides have a figure above nought. */
const logRatiosOf = (first: readonly (number | null)[], second: readonly (number | null)[]): number[] =>
  first.flatMap((one, round) => {
    const other = second[round] ?? null
    if (one === null || other === null) return []
    return one > 0 && other > 0 ? [Math.log(other / one)] : []
  })
