import { createRandom } from './random.ts'

const leastRounds = 6

/** Below six rounds not even the clearest difference could pass it. */
export const signFlipFrom = (effects: readonly number[], seed: string): number | null =>
  effects.length < leastRounds ? null : signFlipTest(effects, seed)

const mostExactRounds = 14
const drawnFlips = 20_000

/**
 * If the sides did not differ, each round's sign would be a coin toss: the share of all sign patterns whose sum is as far from
 * nought as the one seen. All patterns up to 14 rounds, beyond that 20 000 drawn with the seed.
 */
export const signFlipTest = (values: readonly number[], seed: string): number => {
  const seen = Math.abs(values.reduce((sum, value) => sum + value, 0)) - 1e-12
  const isAsFar = (flipped: (index: number) => boolean) =>
    Math.abs(values.reduce((sum, value, index) => sum + (flipped(index) ? -value : value), 0)) >= seen
  if (values.length <= mostExactRounds) {
    const patterns = 2 ** values.length
    let far = 0
    for (let pattern = 0; pattern < patterns; pattern += 1) {
      if (isAsFar((index) => ((pattern >> index) & 1) === 1)) far += 1
    }
    return far / patterns
  }
  const random = createRandom(seed)
  let far = 1
  for (let draw = 0; draw < drawnFlips; draw += 1) if (isAsFar(() => random.next() < 0.5)) far += 1
  return far / (drawnFlips + 1)
}
