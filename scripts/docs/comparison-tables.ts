import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { projectRoot } from '../infra/index.ts'

/** What is kept of a comparison's results.json beside the documents. */
const Kept = z.object({
  settings: z.object({ command: z.string() }),
  sides: z.array(
    z.object({ key: z.string(), spreads: z.record(z.string(), z.object({ median: z.number() }).nullable()) }),
  ),
  comparisons: z.array(
    z.object({ measure: z.string(), verdict: z.string(), first: z.string(), second: z.string() }),
  ),
})

const profiles = ['none', 'slow-user', 'kill-user', 'broker-restart'] as const
type Profile = (typeof profiles)[number]

const read = (profile: Profile) =>
  Kept.parse(JSON.parse(readFileSync(join(projectRoot, 'docs/comparison', `${profile}.json`), 'utf8')))

const ms = (value: number) => (value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`)
const plain = (digits: number) => (value: number) => value.toFixed(digits)
const percent = (value: number) => `${Number(value.toFixed(1))} %`

const measures: readonly [key: string, name: string, show: (value: number) => string][] = [
  ['settleP50', 'time to settle, median', ms],
  ['settleP99', 'time to settle, p99', ms],
  ['acceptP50', 'time to accept, median', ms],
  ['acceptP99', 'time to accept, p99', ms],
  ['asPlanned', 'orders that ended as they should', percent],
  ['timeouts', 'client time-outs', plain(0)],
  ['stuck', 'accepted and never settled', plain(0)],
  ['moneyTaken', 'money taken for a failed order', plain(0)],
  ['stockTaken', 'stock taken for a failed order', plain(0)],
  ['cpuServices', 'CPU of services per 1,000 orders, s', plain(1)],
  ['cpuPostgres', 'CPU of PostgreSQL per 1,000 orders, s', plain(1)],
  ['cpuBroker', 'CPU of RabbitMQ per 1,000 orders, s', plain(1)],
  ['messages', 'messages per order', plain(2)],
  ['transactions', 'transactions per order', plain(1)],
]

/** A median over the rounds; none where it could not be measured, or where most of it never came. */
const cell = (
  kept: z.infer<typeof Kept>,
  side: string,
  key: string,
  show: (value: number) => string,
): string => {
  const median = kept.sides.find((it) => it.key === side)?.spreads[key]?.median
  return median === undefined ? '-' : show(median)
}

const table = (profile: Profile): string => {
  const kept = read(profile)
  const verdictOf = (measure: string) => kept.comparisons.find((it) => it.measure === measure)?.verdict ?? ''
  return [
    `### ${profile}`,
    '',
    `    ${kept.settings.command}`,
    '',
    '| median over the rounds | choreography | RPC | RPC is |',
    '| --- | --- | --- | --- |',
    ...measures.map(([key, name, show]) => {
      const shown = ['choreography', 'rpc'].map((side) => cell(kept, side, key, show))
      return `| ${name} | ${shown.join(' | ')} | ${verdictOf(key)} |`
    }),
  ].join('\n')
}

export const comparisonTables = (): string => profiles.map(table).join('\n\n')

/** The one table that matters: what each mode makes of an outage. */
export const comparisonShort = (): string => {
  const shown = measures.filter(([key]) =>
    ['settleP50', 'settleP99', 'asPlanned', 'stockTaken'].includes(key),
  )
  const rows = profiles.flatMap((profile) => {
    const kept = read(profile)
    return ['choreography', 'rpc'].map((side) => {
      const cells = shown.map(([key, , show]) => cell(kept, side, key, show))
      return `| ${side === 'rpc' ? '' : `\`${profile}\``} | ${side === 'rpc' ? 'RPC' : side} | ${cells.join(' | ')} |`
    })
  })
  return [
    `| fault | mode | ${shown.map(([, name]) => name).join(' | ')} |`,
    `| --- | --- | ${shown.map(() => '---').join(' | ')} |`,
    ...rows,
  ].join('\n')
}
