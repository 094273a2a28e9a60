/** `ratio`: second over first, for times and costs. `points`: second minus first, for percentages, which may be nought. */
export type Scale = 'ratio' | 'points'

export interface Comparison {
  scale: Scale
  /** Whether the rounds show a difference at all: whether the second is lower or higher than the first. */
  verdict: 'lower' | 'higher' | 'no difference shown'
  /** A ratio (0.8: the second is 20 % lower) or percentage points. null with fewer than two usable rounds. */
  effect: number | null
  /** 99 % interval of the effect. */
  interval: [number, number] | null
  /** Two-sided p of the sign-flip test; null below six rounds. */
  signFlip: number | null
  rounds: number
}

const signFlipLimit = 0.05

/** A claim needs the whole interval beyond `claim`, and no sign-flip test that speaks against it. */
export const verdictOf = (
  mean: number,
  half: number,
  claim: number,
  signFlip: number | null,
): Comparison['verdict'] => {
  if (signFlip !== null && signFlip >= signFlipLimit) return 'no difference shown'
  if (mean + half < -claim) return 'lower'
  return mean - half > claim ? 'higher' : 'no difference shown'
}
