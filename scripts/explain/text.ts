import { styleText } from 'node:util'
import type { Explanation } from './explanation.ts'
import { type Path, sumsOf } from './path.ts'
import type { Delivery, EventNode } from './tree.ts'
import { isFinal, money, span, wordsOf } from './words.ts'
import { wrapped } from './wrapped.ts'

export interface TextOptions {
  colors: boolean
  /** Columns of the terminal; lines are not broken when undefined. */
  width: number | undefined
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'
type Paint = (style: Style, text: string) => string

interface Line {
  /** Milliseconds since the order's row; undefined for a line that has no time. */
  at: number | undefined
  /** The tree to the left of it, and to the left of what it is continued on. */
  branch: string
  below: string
  text: string
  style?: Style
}

const timeWidth = 9

/** The explanation for a person: the tree, the hops' sums, what is worth noting, and the verdict. */
export const textOf = (it: Explanation, { colors, width }: TextOptions): string => {
  const paint: Paint = (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text)
  const since = it.order.createdAt.getTime()
  const lines = [
    ...it.roots.flatMap((root) => nodeLines(root, since, '', '')),
    ...it.steps.map(
      ({ at, service, what, detail, ms }): Line => ({
        at: at.getTime() - since,
        branch: '',
        below: '',
        text: `${service}: ${what}${detail === '' ? '' : ` (${detail})`}, +${ms} ms`,
      }),
    ),
  ]
  const body = lines.flatMap((line) => shown(line, width, paint))
  const after = [
    ...it.paths.map((path) => pathLine(it, path)),
    ...stepsLine(it),
    ...it.notes.map((note) => `note: ${note}`),
  ].flatMap((text) => wrapped(text, width, '  '))
  const { kind, sentence, next } = it.verdict
  const style = kind === 'at_rest' ? 'green' : kind === 'in_time' ? 'yellow' : 'red'
  return [
    ...headLines(it).flatMap((text, index) =>
      wrapped(text, width, '  ').map((part) => (index === 0 ? paint('bold', part) : paint('dim', part))),
    ),
    '',
    ...body,
    '',
    ...after,
    ...(after.length > 0 ? [''] : []),
    ...wrapped(sentence, width, '').map((part) => paint(style, part)),
    // A command is not broken, so that it can be copied.
    ...(next === undefined ? [] : [`next: ${next}`]),
  ].join('\n')
}

const headLines = ({ order }: Explanation): string[] => [
  [
    `Order ${order.id}`,
    `${order.status}${order.reason === null ? '' : ` (${order.reason})`}`,
    ...(order.total === null ? [] : [money(order.total)]),
    ...(order.mode === 'rpc'
      ? ['placed in RPC mode: there are no events, so only the rows its services wrote are shown']
      : []),
  ].join('  '),
  `placed ${order.createdAt.toISOString()} by user ${order.userId}`,
]

const nodeLines = (node: EventNode, since: number, branch: string, below: string): Line[] => {
  const { row, state, workMs, deliveries, loose } = node
  const work = workMs === undefined ? '' : `, ${workMs} ms of work`
  const children = [...deliveries, ...loose]
  const stem = children.length > 0 ? `${below}│ ` : `${below}  `
  const own: Line = {
    at: row.createdAt.getTime() - since,
    branch,
    below: stem,
    text: `${row.service} ${row.type}: ${wordsOf(row.type, row.payload)}${work}${publishing(node)}`,
    ...(state === 'parked' ? { style: 'red' as const } : {}),
  }
  return [
    own,
    ...children.flatMap((child, index) => {
      const isLast = index === children.length - 1
      const [tip, rest] = [`${below}${isLast ? '└ ' : '├ '}`, `${below}${isLast ? '  ' : '│ '}`]
      return 'row' in child
        ? nodeLines(child, since, tip, rest)
        : deliveryLines(child, row.publishedAt !== null, since, tip, rest)
    }),
  ]
}

/** How publishing went, where the deliveries do not tell it. */
const publishing = ({ row, state, deliveries }: EventNode): string => {
  if (state === 'parked') return `, PARKED (${row.lastError ?? 'no reason given'})`
  if (state === 'waiting') return ', not published yet'
  if (deliveries.length > 0 && deliveries.some(({ hops }) => hops !== undefined)) return ''
  const ms = row.publishedAt!.getTime() - row.createdAt.getTime()
  return `, confirmed after ${ms} ms${isFinal(row.type) ? ' (end)' : ''}`
}

const deliveryLines = (
  delivery: Delivery,
  isOut: boolean,
  since: number,
  branch: string,
  below: string,
): Line[] => {
  const { to, handledAt, hops, markedLateMs, remark, effects } = delivery
  const stem = effects.length > 0 ? `${below}│ ` : `${below}  `
  if (handledAt === undefined || hops === undefined) {
    const text = isOut ? `${to} has not handled it` : `${to} waits for it`
    const waiting: Line = { at: undefined, branch, below: stem, text, style: 'yellow' }
    return [waiting, ...effects.flatMap((effect) => nodeLines(effect, since, `${below}└ `, `${below}  `))]
  }
  const late = markedLateMs === undefined ? '' : ` (confirm marked ${markedLateMs} ms later)`
  const text = `${to} handled it: relay ${hops.relayMs} ms, queue ${hops.queueMs} ms${late}`
  const own: Line = { at: handledAt.getTime() - since, branch, below: stem, text, style: 'dim' }
  const remarked: Line[] =
    remark === undefined
      ? []
      : [{ at: undefined, branch: stem, below: stem, text: `! ${remark}`, style: 'yellow' }]
  return [
    own,
    ...remarked,
    ...effects.flatMap((effect, index) => {
      const isLast = index === effects.length - 1
      return nodeLines(effect, since, `${below}${isLast ? '└ ' : '├ '}`, `${below}${isLast ? '  ' : '│ '}`)
    }),
  ]
}

const shown = ({ at, branch, below, text, style }: Line, width: number | undefined, paint: Paint) => {
  const time = at === undefined ? ' '.repeat(timeWidth) : `${at} ms`.padStart(timeWidth)
  const room =
    width === undefined
      ? undefined
      : Math.max(20, width - timeWidth - 2 - Math.max(branch.length, below.length))
  return wrapped(text, room, '').map((part, index) => {
    const tree = paint('dim', index === 0 ? branch : below)
    const clock = paint('dim', index === 0 ? time : ' '.repeat(timeWidth))
    return `${clock}  ${tree}${style === undefined ? part : paint(style, part)}`.trimEnd()
  })
}

const stepsLine = ({ order, endedAt, steps }: Explanation): string[] => {
  if (endedAt === undefined || steps.length === 0) return []
  const hops = steps.filter(({ at }) => at <= endedAt).map(({ service, ms }) => `${service} ${ms}`)
  return [`${order.status} after ${endedAt.getTime() - order.createdAt.getTime()} ms = ${hops.join(' + ')}`]
}

const pathLine = ({ order, endedAt }: Explanation, path: Path): string => {
  const sums = sumsOf(path).map(([kind, ms]) => `${kind} ${ms}`)
  const sum = `${path.ms} ms = ${sums.join(' + ')}`
  if (path.to === 'terminal') return `${order.status} after ${sum}`
  const what = endedAt === undefined ? 'last sign of life' : 'at rest'
  return `${what} after ${sum}${path.ms >= 10_000 ? ` (${span(path.ms)})` : ''}`
}
