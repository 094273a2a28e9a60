import type { Results } from '../results.ts'
import { verdictOf } from '../verdict.ts'
import { formatNumber } from '../words.ts'
import { settleChart, settleOverTimeChart, throughputChart } from './charts.ts'
import { method } from './method.ts'
import { style } from './style.ts'
import { escapeText } from './svg.ts'
import { cards, curveTable, figuresTable, findingsTable, legsTable, sustainTable } from './tables.ts'

/** One self-contained HTML page: no script, nothing fetched from anywhere. The same results give the same page. */
export const renderReport = (results: Results): string => {
  const { headline, sentences } = verdictOf(results)
  const body = [
    header(results, headline),
    warnings(results),
    list(sentences),
    cards(results),
    distribution(results),
    overTime(results),
    `<h2>All figures</h2>${intro(results)}${figuresTable(results)}`,
    sustainTable(results),
    `<h2>What was found afterwards</h2>${findingsTable(results)}`,
    method(results),
    `<details><summary>Every round by itself</summary>${legsTable(results)}</details>`,
  ].join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(headline)}</title><style>${style}</style></head>
<body><main>
${body}
</main></body></html>
`
}

const list = (items: readonly string[]) =>
  `<ul>${items.map((item) => `<li>${escapeText(item)}</li>`).join('')}</ul>`

const header = ({ settings, startedAt }: Results, headline: string): string => {
  const { orders, rate, rounds, fault, kind } = settings
  const names = settings.sides.map(({ name }) => name).join(' and ')
  const what =
    kind === 'self-check'
      ? 'The comparison tests itself: the same system against itself, and against itself slowed on purpose'
      : `An order system run two ways on one machine: ${names}`
  const trouble = fault.name === 'none' ? 'nothing was broken on purpose' : `fault: ${fault.name}`
  const load = `${formatNumber(orders)} orders at ${formatNumber(rate)} a second, ${rounds === 1 ? 'one round' : `${formatNumber(rounds)} rounds`} of each, ${trouble}`
  return `<p class="kicker">${escapeText(`${what}. ${load}. ${startedAt.slice(0, 10)}`)}</p><h1>${escapeText(headline)}</h1>`
}

const warnings = ({ warnings: notes }: Results): string =>
  notes.length === 0 ? '' : `<div class="note" role="note"><b>Before you believe this</b>${list(notes)}</div>`

const legend = ({ sides }: Results): string =>
  `<p>${sides
    .map(
      ({ name }, index) =>
        `<span class="key"><svg viewBox="0 0 34 10" aria-hidden="true"><path class="line side${index}" d="M1 5H33"/></svg>${escapeText(name)}</span>`,
    )
    .join('')}</p>`

const distribution = (results: Results): string => {
  const label =
    'Share of orders settled within a time, one line for each way; the table below has the figures.'
  return `<h2>How long an order takes to settle</h2>
<p class="soft">The further left, the faster. A line that ends below 100 % never settled the rest.</p>
${legend(results)}<figure>${settleChart(results, label)}</figure>
<details><summary>These lines as a table</summary>${curveTable(results)}</details>`
}

const overTime = (results: Results): string => {
  const faulty = results.settings.fault.steps.length > 0
  const note = faulty ? ' The shaded time is the fault, until the part that was hit answered again.' : ''
  return `<h2>Over the run</h2>
<p class="soft">Medians over the rounds.${note}</p>
${legend(results)}<figure>${throughputChart(results, 'Orders settled per second over the run, one line for each way.')}</figure>
<figure>${settleOverTimeChart(results, 'Median time to settle over the run, one line for each way.')}</figure>`
}

const intro = ({ settings }: Results): string =>
  `<p class="soft">Median over the rounds; below it the lowest and highest round. Mishaps are added up over ${settings.rounds === 1 ? 'the round' : `${formatNumber(settings.rounds)} rounds`}. A difference is named only where it is shown; below it its 99 % interval.</p>`
