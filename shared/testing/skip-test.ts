import type { Test } from 'uvu'

/** Skips a test and says why; the test runner refuses a skip without a reason. */
export function skipTest(test: Test, name: string, why: string): void {
  console.log(`skipped: ${name}: ${why}`)
  test.skip(name)
}
