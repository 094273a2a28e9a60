import { measures } from './measures.ts'
import type { Results, Side } from './results.ts'
import {
  comparisonOf,
  comparisonWords,
  formatNumber,
  formatValue,
  measureOf,
  shown,
  tableValue,
} from './words.ts'

const damageKeys = measures.filter(({ group }) => group === 'damage').map(({ key }) => key)

/** How much one side left behind that must not be, over all rounds; null when no audit was run. */
export const damageOf = (side: Side): number | null => {
  const counts = damageKeys.map((key) => tableValue(side, measureOf(key)))
  return counts.includes(null) ? null : counts.reduce((sum: number, one) => sum + (one ?? 0), 0)
}

export interface Verdict {
  headline: string
  sentences: string[]
}

/** The results in plain words, nothing claimed that the figures don't show. */
export const verdictOf = (results: Results): Verdict => {
  const [first, ...others] = results.sides
  if (first === undefined || first.legs.length === 0)
    return { headline: 'Nothing was measured yet.', sentences: [] }
  if (results.settings.kind === 'self-check') return selfCheckVerdict(results, first, others)
  const [second] = others
  if (second === undefined || second.legs.length === 0) {
    return { headline: `Only ${first.name} was measured.`, sentences: [alone(first)] }
  }
  return {
    headline: headlineOf(results, first, second),
    sentences: [
      speedSentence(results, first, second),
      outcomeSentence(results, first, second),
      damageSentence(first, second),
      ...sustainSentence(results),
      costSentence(first, second),
    ],
  }
}

const settle = measureOf('settleP50')
const planned = measureOf('asPlanned')
const cap = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const alone = (side: Side) =>
  `It settled half of the orders within ${shown(side, settle)}; ${shown(side, planned)} of the orders ended as they should.`

const faster = (results: Results, first: Side, second: Side): Side | null => {
  const verdict = comparisonOf(results, second, 'settleP50')?.verdict
  if (verdict === undefined || verdict === 'no difference shown') return null
  return verdict === 'lower' ? second : first
}

const headlineOf = (results: Results, first: Side, second: Side): string => {
  const quick = faster(results, first, second)
  const both = [first, second]
  const [slowest, alsoSlow] = both.filter((side) => tableValue(side, settle) === null)
  const speed =
    slowest !== undefined
      ? `${alsoSlow ? 'Neither settled' : `${cap(slowest.name)} did not settle`} even half of the orders`
      : quick === null
        ? 'No difference in speed was shown'
        : `${cap(quick.name)} was faster`
  const flaws = both.map((side) => flawsOf(results, side, side === first ? second : first))
  const [worse] = both.filter((_, index) => (flaws[index]?.length ?? 0) > 0)
  const unchecked = both.some((side) => damageOf(side) === null)
  if (worse === undefined)
    return `${speed}; ${unchecked ? 'what was left behind was not checked' : 'neither left anything wrong behind'}.`
  if (flaws.every((list) => list.length > 0)) {
    return `${speed}; ${both.map(({ name }, index) => `${name} ${flaws[index]?.join(' and ')}`).join('; ')}.`
  }
  const text = flaws.flat().join(' and ')
  return worse === quick ? `${speed}, but ${text}.` : `${speed}; ${worse.name} ${text}.`
}

/** What is to be held against one side: fewer orders that ended well, and what it left behind. */
const flawsOf = (results: Results, side: Side, other: Side): string[] => {
  const [, second] = results.sides
  const claim = second === undefined ? undefined : comparisonOf(results, second, 'asPlanned')?.verdict
  const isWorse = claim === (side === second ? 'lower' : 'higher')
  const damage = damageOf(side) ?? 0
  return [
    ...(isWorse
      ? [
          `let more orders fail (${shown(side, planned)} ended as they should, against ${shown(other, planned)})`,
        ]
      : []),
    ...(damage > 0 ? [`left ${damage === 1 ? 'one thing' : `${formatNumber(damage)} things`} wrong`] : []),
  ]
}

const speedSentence = (results: Results, first: Side, second: Side): string => {
  const missing = [first, second].filter((side) => tableValue(side, settle) === null)
  if (missing.length === 2) return 'Speed: neither settled even half of the orders.'
  if (missing[0] !== undefined) {
    const other = missing[0] === first ? second : first
    return `Speed: ${other.name} settled half of the orders within ${shown(other, settle)}; ${missing[0].name} never settled half of them.`
  }
  const comparison = comparisonOf(results, second, 'settleP50')
  const figures = `half of the orders were settled within ${shown(first, settle)} by ${first.name} and within ${shown(second, settle)} by ${second.name}`
  const quick = faster(results, first, second)
  if (quick === null || !comparison?.effect || !comparison.interval) {
    return `Speed: ${figures}; the rounds vary too much, or are too few, to call that a difference.`
  }
  const turned = (ratio: number) => (quick === second ? ratio : 1 / ratio)
  const [low, high] = comparison.interval.map((ratio) => (1 - turned(ratio)) * 100) as [number, number]
  const [least, most] = [Math.min(low, high), Math.max(low, high)].map(formatNumber)
  const less = formatNumber(Math.round((1 - turned(comparison.effect)) * 100))
  return `Speed: ${figures}. ${cap(quick.name)} needed ${less} % less time (99 % interval ${least} to ${most} %).`
}

const outcomeSentence = (results: Results, first: Side, second: Side): string => {
  const claim = comparisonOf(results, second, 'asPlanned')?.verdict ?? 'no difference shown'
  const [one, other] = [shown(first, planned), shown(second, planned)]
  if (one === other) return `Outcome: of both, ${one} of the orders ended as they should.`
  const tail = claim === 'no difference shown' ? ' (no difference shown over the rounds)' : ''
  return `Outcome: ${one} of the orders ended as they should with ${first.name}, ${other} with ${second.name}${tail}.`
}

const damageSentence = (first: Side, second: Side): string => {
  const words = (side: Side): string => {
    const parts = measures
      .filter(({ group }) => group === 'damage')
      .map((measure) => ({ label: measure.label.toLowerCase(), count: tableValue(side, measure) }))
    if (parts.some(({ count }) => count === null)) return `${side.name} was not checked`
    const bad = parts.filter(({ count }) => (count ?? 0) > 0).map(({ label, count }) => `${count} × ${label}`)
    return `${side.name} left ${bad.length === 0 ? 'nothing wrong' : bad.join(', ')}`
  }
  return `Afterwards: ${words(first)}; ${words(second)}.`
}

const sustainSentence = (results: Results): string[] => {
  const parts = results.sustained.map(({ side, rate }) => {
    const name = results.sides.find(({ key }) => key === side)?.name ?? side
    return rate === null
      ? `${name} held not even the lowest rate tried`
      : `${name} held ${formatNumber(rate)} orders a second`
  })
  return parts.length === 0 ? [] : [`Most it can take: ${parts.join('; ')}.`]
}

const costKeys = ['cpuServices', 'cpuPostgres', 'cpuBroker']

const costSentence = (first: Side, second: Side): string => {
  const total = (side: Side) => {
    const parts = costKeys.map((key) => tableValue(side, measureOf(key)))
    return parts.includes(null) ? null : parts.reduce((sum: number, one) => sum + (one ?? 0), 0)
  }
  const words = (side: Side) => {
    const cpu = formatValue(total(side), 's')
    const sent = formatValue(tableValue(side, measureOf('messages')), '')
    return `${cpu} of CPU per 1,000 orders and ${sent} messages an order with ${side.name}`
  }
  return `Cost, all servers together: ${words(first)}; ${words(second)}.`.replaceAll(
    'not measured messages an order',
    'messages not counted',
  )
}

const selfCheckVerdict = (results: Results, first: Side, others: readonly Side[]): Verdict => {
  const checks = others.map((side) => {
    const comparison = comparisonOf(results, side, 'settleP50')
    const wanted = side.delayMs > 0 ? 'higher' : 'no difference shown'
    const said = comparisonWords(comparison)
    const aim = side.delayMs > 0 ? 'must be found slower' : 'must show no difference'
    return {
      passed: comparison?.verdict === wanted,
      sentence: `${cap(side.name)} against ${first.name} ${aim}: ${said === 'no difference shown' ? said : `time to settle is ${said}`}.`,
    }
  })
  const passed = checks.length > 0 && checks.every((check) => check.passed)
  return {
    headline: passed
      ? 'The measurement passes its own test: it finds a slowdown, and none where there is none.'
      : 'The measurement does NOT pass its own test: its comparisons on this machine are not to be trusted.',
    sentences: checks.map(({ sentence }) => sentence),
  }
}

export const selfCheckPassed = (results: Results): boolean => verdictOf(results).headline.includes(' passes ')
