import type { Spread } from '../compare/index.ts'
import type { Judged, JudgedClaim, SideFigures } from './judge.ts'
import type { Limit } from './part.ts'
import type { Failure } from './run-parts.ts'

const number = (value: number): string => {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2)
}
const spread = (it: Spread | null | undefined): string =>
  it === null || it === undefined
    ? '-'
    : it.low === it.high
      ? number(it.median)
      : `${number(it.median)} (${number(it.low)} to ${number(it.high)})`
const median = (it: Spread | null): string => (it === null ? '-' : number(it.median))

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  row(head),
  row(head.map(() => '---')),
  ...rows.map(row),
]

const limit = (it: Limit | undefined, unit: string): string => {
  if (it === undefined) return ''
  return 'atLeast' in it ? `>= ${it.atLeast} ${unit}` : `<= ${it.atMost} ${unit}`
}

/** One part as Markdown: what each side came to, then what was to be reached. Median, and lowest to highest round. */
export const markdownOf = ({ part, question, per, figures, sides, claims }: Judged): string => {
  const keys = Object.keys(figures)
  const sideRow = ({ name, figures: values, cpu, memoryMb }: SideFigures) => [
    name,
    ...keys.map((key) => spread(values[key])),
    [cpu.node, cpu.postgres, cpu.broker].map(median).join(' / '),
    median(memoryMb),
  ]
  const claimRow = ({ what, unit, measured, must, aim, verdict }: JudgedClaim) => [
    what,
    `${spread(measured)} ${unit}`,
    limit(must, unit),
    limit(aim, unit),
    verdict,
  ]
  const head = [
    '',
    ...keys.map((key) => `${figures[key]?.label}, ${figures[key]?.unit}`),
    `CPU seconds per ${per.count.toLocaleString('en')} ${per.what}: Node / PostgreSQL / RabbitMQ`,
    'peak memory of Node, MB',
  ]
  return [
    `### ${part}: ${question}`,
    '',
    ...table(head, sides.map(sideRow)),
    '',
    ...(claims.length === 0
      ? []
      : [...table(['what', 'measured', 'must be', 'aim', ''], claims.map(claimRow)), '']),
  ].join('\n')
}

export interface Settings {
  rounds: number
  scale: number
  bytes: number
}

/** How all of it was measured: the titles of parts and sides name the work at full scale. */
export const markdownOfSettings = ({ rounds, scale, bytes }: Settings): string =>
  [
    `${rounds === 1 ? 'One round' : `Medians of ${rounds} rounds (lowest to highest)`}; events of ${bytes.toLocaleString('en')} bytes.`,
    ...(scale === 1 ? [] : [`At ${scale} of the work that the titles name, so that verdicts say little.`]),
    '',
  ].join('\n')

/** A run that did not come to a figure, as one line of Markdown. */
export const markdownOfFailure = ({ part, side, round, reason }: Failure): string =>
  `${part}, round ${round}: ${side} failed: ${reason}`
