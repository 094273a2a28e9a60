import { comparedMeasures, type Measure, measures } from './measures.ts'
import type { Results, Side } from './results.ts'
import { verdictOf } from './verdict.ts'
import { comparisonOf, comparisonWords, shown } from './words.ts'

/** Whether to write colours is asked of who calls. */
export interface Paint {
  strong(text: string): string
  soft(text: string): string
  bad(text: string): string
}

export const createPaint = (coloured: boolean): Paint => {
  const wrap = (code: number) => (text: string) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { strong: wrap(1), soft: wrap(2), bad: wrap(31) }
}

/** The verdict, the warnings and the table of figures, as lines of text. */
export const renderTerminal = (results: Results, paint: Paint): string => {
  const { headline, sentences } = verdictOf(results)
  return [
    '',
    paint.strong(headline),
    ...sentences.map((sentence) => `  ${sentence}`),
    '',
    ...tableOf(results, paint),
    ...results.warnings.flatMap((warning, index) => [
      ...(index === 0 ? [''] : []),
      paint.bad(`! ${warning}`),
    ]),
    '',
  ].join('\n')
}

const tableOf = (results: Results, paint: Paint): string[] => {
  const [first, ...others] = results.sides
  if (first === undefined) return []
  const head = ['', ...results.sides.map(({ name }) => name), ...others.map(({ name }) => `${name} is`)]
  const rows = measures.map((measure) => [
    measure.label,
    ...results.sides.map((side) => shown(side, measure)),
    ...others.map((side) => difference(results, side, measure)),
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0
        return column === 0 || column > results.sides.length ? text.padEnd(width) : text.padStart(width)
      })
      .join('  ')
      .trimEnd()
  return [paint.soft(line(head)), ...rows.map(line)]
}

const difference = (results: Results, side: Side, measure: Measure): string => {
  if (!comparedMeasures.includes(measure)) return ''
  const words = comparisonWords(comparisonOf(results, side, measure.key))
  return words === 'no difference shown' ? '-' : words
}

export interface Progress {
  update(what: string, done: number): void
  end(): void
}

const barWidth = 24
const redrawMs = 100

/** A bar that is redrawn in place on a terminal; elsewhere one line for each thing that begins. */
export const createProgress = (
  stream: { isTTY?: boolean; write(text: string): unknown },
  total: number,
): Progress => {
  let drawnAt = -Infinity
  let lastWhat = ''
  if (stream.isTTY !== true) {
    return {
      update: (what) => {
        if (what !== lastWhat) stream.write(`${what}\n`)
        lastWhat = what
      },
      end: () => {},
    }
  }
  return {
    update: (what, done) => {
      const now = performance.now()
      if (what === lastWhat && now - drawnAt < redrawMs) return
      drawnAt = now
      lastWhat = what
      const filled = Math.round((barWidth * Math.min(done, total)) / Math.max(1, total))
      const percent = Math.floor((100 * Math.min(done, total)) / Math.max(1, total))
      stream.write(`\r\u001b[K[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${percent} %  ${what}`)
    },
    end: () => stream.write('\r\u001b[K'),
  }
}
