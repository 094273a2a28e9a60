import { styleText } from 'node:util'
import type { AuditReport } from './audit.ts'
import { type Invariant, invariants } from './catalogue.ts'
import type { Finding } from './finding.ts'

export interface ReportOptions {
  colors: boolean
}

/** What a person reads: one line per invariant, the sums, then each finding with its next command. */
export const reportText = (report: AuditReport, { colors }: ReportOptions): string => {
  const paint = (style: 'red' | 'green' | 'bold' | 'dim', text: string) =>
    colors ? styleText(style, text, { validateStream: false }) : text
  const { orders, settled, findings, truncated } = report
  const all = orders.PROCESSING + orders.SUCCESS + orders.FAILED
  const found = Object.values(report.counts).reduce((sum, count) => sum + count, 0)
  return [
    `${all} orders: ${orders.SUCCESS} SUCCESS, ${orders.FAILED} FAILED, ${orders.PROCESSING} PROCESSING; ${settled} settled and judged`,
    ...sumLines(report),
    '',
    ...tableLines(report, paint),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, paint)]),
    ...(truncated ? ['', 'There are more findings than are listed.'] : []),
    '',
    found === 0
      ? paint('green', 'clean: no findings')
      : paint('red', `${found} ${found === 1 ? 'finding' : 'findings'}`),
  ].join('\n')
}

const sumLines = ({ sums }: AuditReport): string[] =>
  (sums === undefined ? [] : (['money', 'stock'] as const)).map((name) => {
    const { given, left, underWay, successful, difference } = sums![name]
    return `${name}: ${given} given - ${left} left - ${underWay} under way - ${successful} in SUCCESS orders = ${difference}`
  })

const resultWidth = 4

type Paint = (style: 'red' | 'green' | 'bold' | 'dim', text: string) => string

const tableLines = ({ checks, sums }: AuditReport, paint: Paint): string[] =>
  (Object.keys(invariants) as Invariant[]).map((id) => {
    const count = checks.filter((it) => it.invariant === id).reduce((sum, it) => sum + it.findings, 0)
    const looked = sums !== undefined || !['I1', 'I2', 'I10', 'I11'].includes(id)
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
