import type { Explanation } from './explanation.ts'
import { nodesOf } from './tree.ts'
import { isFinal, money, wordsOf } from './words.ts'

interface Entry {
  at: number
  line: string
}

// What ends a statement, begins a comment, or breaks a line in Mermaid.
const plain = (text: string) => text.replace(/[;#<>{}\r\n]+/g, ' ').replace(/%%/g, '%')

/** A sequence diagram of this very run, in the order in which things happened. */
export const mermaidOf = ({ order, roots, steps, verdict }: Explanation): string => {
  const since = order.createdAt.getTime()
  const entries = [
    ...nodesOf({ roots }).flatMap(({ row, state, deliveries }): Entry[] => {
      const said = `${row.createdAt.getTime() - since} ms: ${wordsOf(row.type, row.payload)}`
      const open = state === 'confirmed' ? '' : state === 'parked' ? ' (parked)' : ' (not published yet)'
      const end = isFinal(row.type) ? ' (end)' : ''
      return [
        {
          at: row.createdAt.getTime(),
          line: `Note over ${row.service}: ${plain(`${row.type} at ${said}${open}${end}`)}`,
        },
        ...deliveries.flatMap(({ to, handledAt, hops, remark }): Entry[] =>
          handledAt === undefined || hops === undefined
            ? [{ at: Number.POSITIVE_INFINITY, line: `${row.service}--x${to}: ${row.type}, not handled` }]
            : [
                {
                  at: handledAt.getTime(),
                  line: `${row.service}->>${to}: ${row.type} (relay ${hops.relayMs} ms, queue ${hops.queueMs} ms)`,
                },
                ...(remark === undefined
                  ? []
                  : [{ at: handledAt.getTime(), line: `Note right of ${to}: ${plain(remark)}` }]),
              ],
        ),
      ]
    }),
    ...steps.map(({ at, service, what, detail }) => ({
      at: at.getTime(),
      line: `Note over ${service}: ${plain(`${what}${detail === '' ? '' : ` (${detail})`} at ${at.getTime() - since} ms`)}`,
    })),
  ]
  // Infinity less Infinity is not a number: what never happened stays at the end.
  const byTime = (a: Entry, b: Entry) => (a.at === b.at ? 0 : a.at - b.at)
  const how = `${order.status}${order.reason === null ? '' : ` (${order.reason})`}`
  const total = order.total === null ? '' : `, ${money(order.total)}`
  return [
    'sequenceDiagram',
    `  title Order ${order.id}: ${how}${total}`,
    '  participant order',
    '  participant product',
    '  participant user',
    ...entries.sort(byTime).map(({ line }) => `  ${line}`),
    ...(verdict.kind === 'at_rest' ? [] : [`  Note over order,user: ${plain(verdict.sentence)}`]),
  ].join('\n')
}
