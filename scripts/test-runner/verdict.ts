import { stripVTControlCharacters } from 'node:util'

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The counts in what a test file printed at its end; undefined when it never got there. */
export function readCounts(output: string): Counts | undefined {
  const plain = stripVTControlCharacters(output)
  const match = /^\s*Total:\s+(\d+)\s+Passed:\s+(\d+)\s+Skipped:\s+(\d+)\s+Duration:/m.exec(plain)
  if (!match) return undefined
  const [total, passed, skipped] = match.slice(1).map(Number) as [number, number, number]
  // Skipped tests are not in the total; a `.only` makes the others skipped.
  return { passed, failed: total - passed, skipped }
}

/** Why a file that ended by itself has failed, or undefined. An exit code of 0 alone proves nothing. */
export function verdict(
  ended: { code: number | null; output: string },
  counts: Counts | undefined,
): string | undefined {
  if (!counts) return `ended with code ${ended.code} and no summary`
  if (counts.failed > 0) return `${counts.failed} of its tests failed`
  if (ended.code !== 0) return `ended with code ${ended.code}`
  if (counts.passed + counts.skipped === 0) return 'has no tests'
  const reasons = ended.output.match(/^skipped: .+: .+$/gm)?.length ?? 0
  if (reasons < counts.skipped)
    return `${counts.skipped} skipped, but only ${reasons} said why (see skipTest)`
  return undefined
}
