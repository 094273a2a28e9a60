import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { comparedMeasures, figuresOf, measures } from './measures.ts'
import { Results } from './results.ts'
import { legOrder } from './run.ts'
import type { Sample } from './samples.ts'
import { climb } from './sustain.ts'
import { madeUpLegs, madeUpResults, madeUpSettings } from './testing/made-up-results.ts'
import { selfCheckPassed, verdictOf } from './verdict.ts'

const [record] = madeUpLegs(madeUpSettings({ rounds: 1 }))
if (record === undefined) throw new Error('no leg')
const { leg } = record

const sample = (i: number, changes: Partial<Sample> = {}): Sample => ({
  ...{ i, doomed: null, intendedMs: i * 100, sentMs: i * 100 + 1, acceptedMs: i * 100 + 10, status: 202 },
  ...{ orderId: `o-${i}`, settledMs: i * 100 + 20, outcome: 'SUCCESS', reason: null, error: null },
  ...changes,
})

test('the figures of four orders, worked out by hand', () => {
  const samples = [
    sample(0),
    sample(1, { settledMs: 1_300, doomed: 'stock', outcome: 'FAILED', reason: 'out_of_stock' }),
    sample(2, { settledMs: null, outcome: 'PROCESSING' }),
    sample(3, {
      acceptedMs: null,
      status: null,
      error: 'timeout',
      settledMs: null,
      outcome: 'absent',
      orderId: null,
    }),
  ]
  const figures = figuresOf(samples, { ...leg, durationMs: 300 })
  assert.is(figures.settleP50, 1_200)
  assert.is(figures.settleP95, null, 'half never settled, so p95 was never reached')
  assert.is(figures.settleMax, 1_200)
  assert.is(figures.acceptP99, 10)
  assert.is(figures.asPlanned, 50)
  assert.is(figures.withinSecond, 25)
  assert.is(figures.timeouts, 1)
  assert.is(figures.refused, 0)
  assert.is(figures.stuck, 1)
  assert.is(figures.lost, 0)
  assert.ok(Math.abs((figures.settledPerSecond ?? 0) - 2 / 1.3) < 1e-9)
  assert.is(figures.messages, (leg.usage.messages ?? 0) / 4)
})

test('accepted and then unknown is lost; failed for another reason is not as planned', () => {
  const figures = figuresOf(
    [
      sample(0, { outcome: 'absent', settledMs: null }),
      sample(1, { doomed: 'money', outcome: 'FAILED', reason: 'expired' }),
      sample(2, { status: 503, outcome: 'absent', settledMs: null }),
    ],
    leg,
  )
  assert.is(figures.lost, 1)
  assert.is(figures.asPlanned, 0)
  assert.is(figures.refused, 1)
})

test('what the audit found is counted once, under the row that names it', () => {
  const finding = (code: string, count: number) => ({ code, what: code, count, examples: [] })
  const findings = [
    finding('money.held', 2),
    finding('stock.held', 3),
    finding('outbox.doubled', 4),
    finding('event.parked', 5),
    finding('order.stuck', 6),
  ]
  const figures = figuresOf([sample(0)], { ...leg, findings })
  const rows = ['moneyTaken', 'stockTaken', 'doubled', 'otherFindings', 'stuck'].map((key) => figures[key])
  assert.equal(rows, [2, 3, 4, 5, 0])
  assert.is(figuresOf([sample(0)], { ...leg, findings: null }).moneyTaken, null)
})

test('every leg has every figure, and only figures that can be compared are', () => {
  const keys = Object.keys(figuresOf(record.samples, leg)).sort()
  assert.equal(keys, measures.map(({ key }) => key).sort())
  assert.ok(comparedMeasures.length > 10 && comparedMeasures[0]?.key === 'settleP50')
})

test('results are what their schema says, and survive JSON', () => {
  const results = madeUpResults({ fault: 'kill-user' })
  assert.equal(Results.parse(JSON.parse(JSON.stringify(results))), results)
})

test('rounds go A B B A', () => {
  const order = legOrder(4, ['A', 'B']).map(({ side }) => side)
  assert.is(order.join(''), 'ABBAABBA')
  assert.is(
    legOrder(2, ['A', 'B', 'C'])
      .map(({ side }) => side)
      .join(''),
    'ABCCBA',
  )
})

test('the verdict names the faster one, whichever it is', () => {
  assert.match(
    verdictOf(madeUpResults({ settleMs: [22, 12], damage: [0, 0] })).headline,
    /^RPC was faster; neither left/,
  )
  assert.match(
    verdictOf(madeUpResults({ settleMs: [12, 22], damage: [0, 0] })).headline,
    /^Choreography was faster/,
  )
  assert.match(
    verdictOf(madeUpResults({ settleMs: [20, 20], damage: [0, 0] })).headline,
    /^No difference in speed was shown/,
  )
})

test('the verdict says what was left behind, and by whom', () => {
  const { headline, sentences } = verdictOf(madeUpResults({ damage: [0, 3], rounds: 4 }))
  assert.match(headline, /RPC was faster, but left 12 things wrong/)
  assert.ok(
    sentences.some((one) => one.includes('choreography left nothing wrong; RPC left 12 × money taken')),
  )
  assert.match(verdictOf(madeUpResults({ damage: [1, 0] })).headline, /choreography left 4 things wrong/)
  assert.match(verdictOf(madeUpResults({ damage: [0, 1], rounds: 1 })).headline, /RPC left one thing wrong/)
})

test('where nobody settled half of the orders, nobody is named alone', () => {
  const results = madeUpResults({ fault: 'user-down', damage: [0, 0] })
  assert.match(verdictOf(results).headline, /^RPC did not settle even half/)
  const [first] = results.sides
  if (first) first.spreads.settleP50 = null
  assert.match(verdictOf(results).headline, /^Neither settled even half of the orders/)
})

test('orders that failed under a fault count in the verdict and make nobody faster', () => {
  const results = madeUpResults({ fault: 'user-down', damage: [0, 0] })
  const rpc = results.sides[1]
  assert.is(rpc?.spreads.settleP50, null)
  assert.match(
    verdictOf(results).headline,
    /RPC let more orders fail \(0\.\d % ended as they should, against/,
  )
})

test('the self-check passes when the slowed side is found and the same side is not, and only then', () => {
  const check = (settleMs: number[]) =>
    selfCheckPassed(madeUpResults({ kind: 'self-check', rounds: 8, settleMs, damage: [] }))
  assert.is(check([20, 20, 24]), true)
  assert.is(check([20, 20, 20]), false)
  assert.is(check([20, 24, 24]), false)
})

test('what makes figures doubtful is said', () => {
  const settings = madeUpSettings({ rounds: 2 })
  assert.match(madeUpResults({ rounds: 2 }).warnings.join(), /2 rounds are too few/)
  assert.is(madeUpResults({ rounds: 4 }).warnings.length, 0)
  assert.is(settings.rounds, 2)
})

test('the search for the highest rate goes up until a rate fails twice', async () => {
  const step = (rate: number, held: boolean) => ({ rate, settleP99Ms: 10, acceptedShare: 1, held })
  const most = await climb({ rate: 40 }, 'a', async (rate) => step(rate, rate < 70))
  assert.equal(
    most.steps.map(({ rate }) => rate),
    [40, 50, 62.5, 78.1, 78.1],
  )
  assert.is(most.rate, 62.5)
  assert.is((await climb({ rate: 40 }, 'a', async (rate) => step(rate, false))).rate, null)
  const lucky = await climb({ rate: 40 }, 'a', async (rate, attempt) =>
    step(rate, rate < 45 || (rate < 60 && attempt === 1)),
  )
  assert.is(lucky.rate, 50)
})

test.run()
