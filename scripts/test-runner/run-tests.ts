import { type FileResult, type RunFileOptions, runFile } from './run-file.ts'
import { type Run, runsOf } from './runs.ts'

const inParallel = 2
const slowestShown = 5

/**
 * Runs test files and prints a line for each run, at once with the full output of those that failed, and the closing line
 * `N passed, N failed, N skipped`. Whole-system tests (under test/) run alone, the others two at a time.
 * Answers whether all is well; no file at all is not.
 */
export async function runTests(
  files: readonly string[],
  options: RunFileOptions & { print: (line: string) => void },
): Promise<boolean> {
  const { print } = options
  const results: FileResult[] = []
  const run = async (one: Run): Promise<void> => {
    if (options.signal?.aborted) return
    const result = await runFile(one, options)
    results.push(result)
    print(lineOf(result))
    if (result.failure) print(detailsOf(result))
  }
  const runs = (await Promise.all(files.map((file) => runsOf(file, options)))).flat()
  const alone = runs.filter(({ file }) => file.startsWith('test/'))
  const waiting = runs.filter(({ file }) => !file.startsWith('test/'))
  const worker = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await run(one)
  }
  await Promise.all(Array.from({ length: inParallel }, worker))
  for (const one of alone) await run(one)
  report(results, print)
  return (
    results.length > 0 &&
    results.length === runs.length &&
    results.every(({ failure }) => failure === undefined)
  )
}

const lineOf = ({ file, passed, failed, skipped, seconds, failure }: FileResult): string => {
  const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(
    Boolean,
  )
  return `${failure ? 'FAIL' : 'ok  '} ${file}  ${counts.join(', ')}  ${seconds.toFixed(1)} s${failure ? `  (${failure})` : ''}`
}

const detailsOf = ({ file, failure, output }: FileResult): string =>
  `\n--- ${file}: ${failure}\n${output.trimEnd()}\n---`

function report(results: readonly FileResult[], print: (line: string) => void): void {
  const skips = results.flatMap(({ output }) => output.match(/^skipped: .+$/gm) ?? [])
  for (const skip of skips) print(skip)
  const slowest = [...results].sort((a, b) => b.seconds - a.seconds).slice(0, slowestShown)
  if (slowest.length > 0) print('\nslowest:')
  for (const { file, seconds } of slowest) print(`  ${seconds.toFixed(1).padStart(6)} s  ${file}`)
  const sum = (key: 'passed' | 'failed' | 'skipped'): number =>
    results.reduce((total, result) => total + result[key], 0)
  const failed = results.filter(({ failure }) => failure)
  if (failed.length > 0) print('\nfailed:')
  for (const result of failed) print(lineOf(result))
  print('')
  print(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
}
