import { styleText } from 'node:util'
import type { AuditReport } from './audit.ts'
import { type Invariant, invariants } from './catalogue.ts'
import type { Finding } from './finding.ts'
import type { Sums } from './sums.ts'

export interface ReportOptions {
  colors: boolean
}

/** What a person reads: one line per invariant, the sums, then each finding with its next command. */
export const reportText = (report: AuditReport, { colors }: ReportOptions): string => {
  const paint = (style: 'red' | 'green' | 'bold' | 'dim', text: string) =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const { orders, settled, findings, truncated } = report
  const all = orders.PROCESSING + orders.SUCCESS + orders.FAILED
  return [
    `${all} orders: ${orders.SUCCESS} SUCCESS, ${orders.FAILED} FAILED, ${orders.PROCESSING} PROCESSING; ${settled} settled and judged`,
    ...sumLines(report),
    '',
    ...tableLines(report, paint),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, paint)]),
    ...(truncated ? ['', 'There are more findings than are listed.'] : []),
    '',
    lastLine(report, paint),
  ].join('\n')
}

const lastLine = ({ counts, brokerRead }: AuditReport, paint: Paint): string => {
  const byCode = Object.entries(counts).sort(([, a], [, b]) => b - a)
  const found = byCode.reduce((sum, [, count]) => sum + count, 0)
  if (found === 0)
    return paint('green', brokerRead ? 'clean: no findings' : 'clean as far as looked: the broker was not')
  if (found === 1) return paint('red', '1 finding')
  return paint('red', `${found} findings: ${byCode.map(([code, count]) => `${count} ${code}`).join(', ')}`)
}

const sumLines = ({ sums }: AuditReport): string[] =>
  sums === undefined ? [] : [sumLine('money', sums.money, inMajor), sumLine('stock', sums.stock, String)]

const sumLine = (name: string, sum: Sums['money'], shown: (amount: string) => string): string => {
  const difference = sum.difference === '0' ? '0' : shown(sum.difference)
  return `${name}: ${shown(sum.given)} put in - ${shown(sum.left)} still there - ${shown(sum.underWay)} in orders under way - ${shown(sum.successful)} in SUCCESS orders = ${difference}`
}

/** Minor units as people write them; sums may be larger than a number is exact. */
const inMajor = (minor: string): string => {
  const digits = minor.replace('-', '').padStart(3, '0')
  const major = BigInt(digits.slice(0, -2)).toLocaleString('en')
  return `${minor.startsWith('-') ? '-' : ''}${major}.${digits.slice(-2)}`
}

const resultWidth = 4

type Paint = (style: 'red' | 'green' | 'bold' | 'dim', text: string) => string

const ofSums: readonly Invariant[] = ['I1', 'I2', 'I10', 'I11']

const tableLines = ({ checks, sums, brokerRead }: AuditReport, paint: Paint): string[] =>
  (Object.keys(invariants) as Invariant[]).map((id) => {
    const count = checks.filter((it) => it.invariant === id).reduce((sum, it) => sum + it.findings, 0)
    const looked = id === 'I14' ? brokerRead : sums !== undefined || !ofSums.includes(id)
    const text = !looked ? '-' : count === 0 ? 'ok' : String(count)
    const result = paint(!looked ? 'dim' : count === 0 ? 'green' : 'red', text.padEnd(resultWidth))
    // The result comes first: on a narrow terminal it would fall off its line.
    return `${id.padEnd(4)} ${result} ${invariants[id]}`
  })

const findingLines = (
  { code, service, orderId, productId, userId, eventId, what, next }: Finding,
  paint: Paint,
): string[] => {
  const subjects = [
    ['order', orderId],
    ['product', productId],
    ['user', userId],
    ['event', eventId],
  ].flatMap(([name, id]) => (id === undefined ? [] : [`${name} ${id}`]))
  return [
    `${paint('bold', code)} (${service} service)${subjects.length > 0 ? ` ${subjects.join(', ')}` : ''}`,
    `  ${what}`,
    `  next: ${next}`,
  ]
}
