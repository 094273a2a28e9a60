import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measures } from '../measures.ts'
import { createPaint, createProgress, renderTerminal } from '../terminal.ts'
import { madeUpResults } from '../testing/made-up-results.ts'
import { verdictOf } from '../verdict.ts'
import { shown } from '../words.ts'
import { renderReport } from './index.ts'
import { escapeText, linePath, logTicks, roundTicks } from './svg.ts'

const results = madeUpResults({ fault: 'kill-user', rounds: 4 })
const page = renderReport(results)

test('one page under 1 MB, also for a long comparison, that fetches nothing and runs nothing', () => {
  const long = renderReport(madeUpResults({ fault: 'slow-user', orders: 2_000, rounds: 12 }))
  for (const one of [page, long]) {
    assert.ok(Buffer.byteLength(one) < 1_000_000, `${Buffer.byteLength(one)} bytes`)
    assert.not.match(one, /https?:|<script|<link|<img|@import|url\(|src=/i)
  }
})

test('the page holds the verdict, every figure of both sides, the method, and what repeats it', () => {
  const { headline, sentences } = verdictOf(results)
  for (const text of [
    headline,
    ...sentences,
    results.settings.command,
    results.machine.cpu,
    results.settings.seed,
  ]) {
    assert.ok(page.includes(escapeText(text)), text)
  }
  for (const measure of measures) {
    assert.ok(page.includes(escapeText(measure.label)))
    for (const side of results.sides)
      assert.ok(page.includes(shown(side, measure)), `${measure.key} of ${side.name}`)
  }
  assert.match(page, /no coordinated omission/)
  assert.match(page, /money\.held/)
})

test('every picture has a text alternative, and a size for a phone', () => {
  const pictures = page.match(/<svg class="(wide|narrow)"[^>]*>/g) ?? []
  assert.is(pictures.length, 6)
  assert.ok(pictures.every((one) => /role="img" aria-label="[^"]{20,}"/.test(one)))
  assert.not.match(page, /NaN|Infinity|undefined|null/)
})

test('the fault is shaded from its beginning until the target answered', () => {
  assert.match(page, /class="fault"/)
  assert.match(page, />kill user</)
  assert.not.match(renderReport(madeUpResults()), /class="fault"/)
})

test('text from outside can`t become markup', () => {
  const evil = madeUpResults({ rounds: 1, orders: 20 })
  evil.settings.fault = { name: 'none', steps: [] }
  evil.machine.cpu = '<img src=x onerror=alert(1)>"\'&'
  const text = renderReport(evil)
  assert.not.match(text, /<img/)
  assert.ok(text.includes('&#60;img'))
})

test('nothing measured yet, nothing settled, and one side only, still make a page', () => {
  const empty = madeUpResults({ rounds: 1, orders: 5 })
  for (const side of empty.sides) side.legs = []
  assert.match(renderReport(empty), /Nothing was measured yet/)
  const one = madeUpResults({ rounds: 1, orders: 30 })
  one.sides = one.sides.slice(0, 1)
  one.comparisons = []
  assert.match(renderReport(one), /Only choreography was measured/)
  const none = madeUpResults({ rounds: 2, orders: 30 })
  for (const side of none.sides) {
    side.settleCurve = []
    side.timeline.settledPerSecond.fill(0)
    side.timeline.settleMedianMs.fill(null)
  }
  assert.match(renderReport(none), /No order settled/)
})

test('ticks are round, and not too many', () => {
  assert.equal(roundTicks(42, 5), [0, 10, 20, 30, 40])
  assert.equal(roundTicks(1, 5), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
  assert.equal(logTicks(8, 60, 8), [10, 20, 50])
  assert.equal(logTicks(8, 6_000, 4), [10, 100, 1_000])
})

test('a line has gaps where there is nothing', () => {
  assert.is(linePath([[0, 0], [1, 1], null, [3, 3], null, [4, 4], [5, 5]]), 'M0 0L1 1M3 3h0.1M4 4L5 5')
})

test('the terminal shows verdict, table and warnings; colour only when wanted', () => {
  const plain = renderTerminal(madeUpResults({ rounds: 2 }), createPaint(false))
  assert.not.ok(plain.includes('\u001b'))
  assert.match(plain, /Time to settle, median +\d/)
  assert.match(plain, /! 2 rounds are too few/)
  assert.ok(renderTerminal(results, createPaint(true)).includes('\u001b[1m'))
})

test('the progress bar is drawn on a terminal only', () => {
  const lines = (isTTY: boolean) => {
    let text = ''
    const progress = createProgress({ isTTY, write: (more) => (text += more) }, 10)
    progress.update('driving', 5)
    progress.update('driving', 6)
    progress.end()
    return text
  }
  assert.is(lines(false), 'driving\n')
  assert.match(lines(true), /\[#{12}\.{12}\] 50 % {2}driving/)
})

test.run()
