import { catalogue, codes } from '../../audit/index.ts'
import { type Measure, measures } from '../measures.ts'
import type { Results, Side } from '../results.ts'
import { damageOf } from '../verdict.ts'
import {
  comparisonOf,
  comparisonWords,
  formatMs,
  formatNumber,
  formatValue,
  shown,
  tableValue,
} from '../words.ts'
import { escapeText } from './svg.ts'

const cell = (text: string, className = '') => `<td${className && ` class="${className}"`}>${text}</td>`
const row = (cells: readonly string[]) => `<tr>${cells.join('')}</tr>`
const table = (head: readonly string[], rows: readonly string[], className = ''): string =>
  `<div class="scroll" tabindex="0" role="region" aria-label="table"><table class="${className}"><thead><tr>${head
    .map(
      (text, index) =>
        `<th scope="col"${index === head.length - 1 && className === 'figures' ? ' class="words"' : ''}>${escapeText(text)}</th>`,
    )
    .join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`

/** The five figures that matter, one card for each side. */
export const cards = (results: Results): string => {
  const keys = ['settleP50', 'settleP99', 'acceptP50', 'asPlanned']
  const card = (side: Side, index: number) => {
    const lines = measures
      .filter(({ key }) => keys.includes(key))
      .map((measure) => `<dt>${escapeText(measure.label)}</dt><dd>${shown(side, measure)}</dd>`)
    const damage = damageOf(side)
    const left = damage === null ? 'not checked' : formatNumber(damage)
    const colour = damage === 0 ? 'good' : 'bad'
    return `<section class="card top${index}"><b>${escapeText(side.name)}</b><span class="what">${escapeText(explain(side))}</span><dl>${lines.join('')}<dt>Left wrong behind</dt><dd class="${colour}">${left}</dd></dl></section>`
  }
  return `<div class="cards">${results.sides.map(card).join('')}</div>`
}

const explain = ({ mode, delayMs }: Side): string => {
  const how =
    mode === 'rpc'
      ? 'One service calls the next and waits for its answer.'
      : 'Each service does its part and says so; the others react.'
  return delayMs > 0 ? `${how} Each request ${formatMs(delayMs)} late on purpose.` : how
}

const groups: Record<Measure['group'], string> = {
  time: 'Time',
  outcome: 'Outcome for the client',
  damage: 'Left behind, found by the audit',
  cost: 'Cost',
}

export const figuresTable = (results: Results): string => {
  const [first, ...others] = results.sides
  const head = [
    '',
    ...results.sides.map(({ name }) => name),
    ...others.map(({ name }) => (others.length === 1 ? `${name} is` : `${name}: difference`)),
  ]
  const rows = (Object.keys(groups) as Measure['group'][]).flatMap((group) => [
    `<tr><th scope="rowgroup" colspan="${head.length}">${groups[group]}</th></tr>`,
    ...measures
      .filter((measure) => measure.group === group)
      .map((measure) =>
        row([
          `<th scope="row">${escapeText(measure.label)}</th>`,
          ...results.sides.map((side) => figureCell(side, measure)),
          ...others.map((side) =>
            cell(differenceCell(differenceWords(results, first, side, measure)), 'words'),
          ),
        ]),
      ),
  ])
  return table(head, rows, 'figures')
}

/** The interval in small letters below. */
const differenceCell = (words: string): string =>
  escapeText(words).replace(/ \((.*)\)$/, (_, interval: string) => `<small>${interval}</small>`)

const figureCell = (side: Side, measure: Measure): string => {
  const value = tableValue(side, measure)
  const text = shown(side, measure)
  if (measure.sum) return cell(text, measure.group === 'damage' && value !== null && value > 0 ? 'bad' : '')
  const spread = side.spreads[measure.key]
  const range =
    spread && spread.low !== spread.high ? `<small>${formatRange(spread, measure.unit)}</small>` : ''
  return cell(text + range)
}

/** The unit is said once when it is the same: `24.7–25.6 ms`. */
const formatRange = ({ low, high }: { low: number; high: number }, unit: Measure['unit']): string => {
  const [from, to] = unit === 'ms' ? [formatMs(low), formatMs(high)] : [formatNumber(low), formatNumber(high)]
  const [start = '', startUnit] = from.split(' ')
  return startUnit === to.split(' ')[1] ? `${start}–${to}` : `${from}–${to}`
}

const differenceWords = (results: Results, first: Side | undefined, side: Side, measure: Measure): string => {
  if (measure.sum || first === undefined) return ''
  const [one, other] = [first.spreads[measure.key], side.spreads[measure.key]]
  if (!one && !other) return ''
  if (!one || !other)
    return measure.missing === undefined ? '' : `${one ? side.name : first.name} ${measure.missing} got there`
  return comparisonWords(comparisonOf(results, side, measure.key)).replace(
    'no difference shown',
    'none shown',
  )
}

const curveShares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]

export const curveTable = ({ sides }: Results): string => {
  const within = (side: Side, share: number) =>
    side.settleCurve.find(([, reached]) => reached >= share - 1e-9)?.[0]
  const rows = curveShares.map((share) =>
    row([
      `<th scope="row">${formatNumber(share * 100)} % of all orders settled within</th>`,
      ...sides.map((side) => {
        const ms = within(side, share)
        return cell(ms === undefined ? 'never' : formatMs(ms))
      }),
    ]),
  )
  return table(['', ...sides.map(({ name }) => name)], rows)
}

export const findingsTable = ({ sides }: Results): string => {
  const legs = sides.flatMap((side) => side.legs.map(({ leg }) => leg))
  const found = new Set(legs.flatMap(({ findings }) => (findings ?? []).map(({ code }) => code)))
  const unaudited = legs.some(({ findings }) => findings === null)
  const caveat = unaudited ? '<p>Some rounds were not audited.</p>' : ''
  const checked = `<p>After each round, when everything had come to rest, <code>npm run audit</code> compared the three databases with each other: money, stock, every order and every event.</p>${caveat}`
  if (found.size === 0)
    return `${checked}${unaudited ? '' : '<p class="good">It found nothing wrong, on either side, in any round.</p>'}`
  const of = (side: Side, code: string) =>
    side.legs.flatMap(({ leg }) => (leg.findings ?? []).filter((finding) => finding.code === code))
  const rows = [...found].sort().map((code) =>
    row([
      `<th scope="row">${escapeText(meaningOf(code))}<small>${escapeText(code)}</small></th>`,
      ...sides.map((side) => {
        const count = of(side, code).reduce((sum, finding) => sum + finding.count, 0)
        const example = of(side, code).flatMap(({ examples }) => examples)[0]
        return cell(
          count === 0
            ? '0'
            : `${formatNumber(count)}${example === undefined ? '' : `<small>${escapeText(example.slice(0, 13))}…</small>`}`,
          count === 0 ? 'good' : 'bad',
        )
      }),
    ]),
  )
  return checked + table(['Finding', ...sides.map(({ name }) => name)], rows)
}

/** In the audit's words; a folder may hold codes of another version. */
const meaningOf = (code: string): string => {
  const known = codes.find((one) => one === code)
  return known === undefined ? 'Another finding.' : catalogue[known].means
}

export const sustainTable = ({ sustained, sides }: Results): string => {
  if (sustained.length === 0) return ''
  const name = (key: string) => sides.find((side) => side.key === key)?.name ?? key
  const rows = sustained.flatMap(({ side, steps }) =>
    steps.map((step) =>
      row([
        `<th scope="row">${escapeText(name(side))}</th>`,
        cell(`${formatNumber(step.rate)} /s`),
        cell(step.settleP99Ms === null ? 'never' : formatMs(step.settleP99Ms)),
        cell(formatValue(100 * step.acceptedShare, '%')),
        cell(step.held ? 'yes' : 'no', step.held ? 'good' : 'bad'),
      ]),
    ),
  )
  return `<h2>How much each can take</h2><p class="soft">The rate goes up step by step until p99 of the time to settle is over one second or an order is turned away.</p>${table(['', 'Rate', 'p99 to settle', 'Accepted', 'Held'], rows)}`
}

const settled = (ms: number | null | undefined) => (typeof ms === 'number' ? formatMs(ms) : 'never')

export const legsTable = ({ sides, settings }: Results): string => {
  const legs = sides.flatMap((side) => side.legs.map((one) => ({ side, ...one })))
  legs.sort((one, other) => (one.leg.startedAt < other.leg.startedAt ? -1 : 1))
  const rows = legs.map(({ side, leg, figures, notAccepted }) =>
    row([
      `<th scope="row">${leg.round}, ${escapeText(side.name)}</th>`,
      cell(settled(figures.settleP50)),
      cell(settled(figures.settleP99)),
      cell(
        escapeText(
          Object.entries(notAccepted)
            .map(([kind, count]) => `${kind}: ${count}`)
            .join(', ') || 'none',
        ),
      ),
      cell(`${formatNumber(leg.driver.lateP99Ms)} ms`),
      cell(`${formatNumber(leg.clockOffsetMs)} ms`),
      cell(`<code>${escapeText(leg.seed)}</code>`),
    ]),
  )
  const head = [
    'Round, in the order run',
    'Settle p50',
    'Settle p99',
    'Not accepted',
    'Driver late (p99)',
    'Clock offset',
    'Seed',
  ]
  return `${table(head, rows)}<p class="soft">Raw samples: one NDJSON file for each of the ${settings.rounds * settings.sides.length} legs, in the folder of this report.</p>`
}
