import { describe } from '../../shared/failure/index.ts'
import type { Part, Side, SideAnswer } from './part.ts'

/** One run of one side. Rounds count from 1. */
export interface Sample extends SideAnswer {
  part: string
  side: string
  round: number
}

/** A run that did not come to a figure. */
export interface Failure {
  part: string
  side: string
  round: number
  reason: string
}

export interface RunOptions {
  rounds: number
  runSide: (part: Part, side: Side, round: number) => Promise<SideAnswer>
  /** Called before each run. */
  begins: (part: Part, side: Side, round: number) => void
  keep: (sample: Sample) => Promise<void>
  /** Called after each run that failed. The others go on: a rival that breaks takes no figures with it. */
  failed: (failure: Failure) => void
  /** When aborted, the run that ends with it ends everything. */
  signal?: AbortSignal
}

/** A B, then B A, then A B: a machine that gets slower, or a neighbour that comes and goes, meets all sides alike. */
export const sidesInTurn = (sides: readonly Side[], round: number): readonly Side[] =>
  round % 2 === 1 ? sides : [...sides].reverse()

/** A part that takes long may have fewer rounds than are asked for. */
export const roundsOf = ({ mostRounds = Infinity }: Part, rounds: number): number =>
  Math.min(rounds, mostRounds)

/** All rounds of all parts, one run at a time. Throws only when the signal aborts. */
export const runParts = async (
  parts: readonly Part[],
  { rounds, runSide, begins, keep, failed, signal }: RunOptions,
): Promise<Sample[]> => {
  const samples: Sample[] = []
  for (const part of parts) {
    for (let round = 1; round <= roundsOf(part, rounds); round += 1) {
      for (const side of sidesInTurn(part.sides, round)) {
        begins(part, side, round)
        const which = { part: part.name, side: side.key, round }
        try {
          const sample = { ...which, ...(await runSide(part, side, round)) }
          await keep(sample)
          samples.push(sample)
        } catch (error) {
          signal?.throwIfAborted()
          failed({ ...which, reason: describe(error) })
        }
      }
    }
  }
  return samples
}
