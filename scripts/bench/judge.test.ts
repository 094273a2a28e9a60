import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCostMeter } from './cost.ts'
import { judge } from './judge.ts'
import type { Part, Side } from './part.ts'
import { type Failure, runParts, type Sample } from './run-parts.ts'
import { markdownOf, markdownOfFailure, markdownOfSettings } from './table.ts'

const side = (key: string): Side => ({
  key,
  name: key,
  kind: 'ours',
  run: async () => ({ figures: {} }),
})

const part: Part = {
  name: 'example',
  question: 'how fast?',
  figures: { rate: { label: 'done', unit: 'events/s' } },
  per: { count: 10_000, what: 'events' },
  sides: [side('lean'), side('ours'), side('rival')],
  claims: [
    {
      what: 'to the best',
      figure: 'rate',
      of: 'ours',
      against: ['lean', 'rival'],
      must: { atLeast: 0.9 },
      aim: { atLeast: 1 },
    },
    { what: 'alone', figure: 'rate', of: 'ours', must: { atMost: 50 } },
  ],
}

const sample = (key: string, round: number, rate: number): Sample => ({
  part: 'example',
  side: key,
  round,
  outcome: { figures: { rate } },
  cost: { count: 5_000, seconds: 1, cpu: { node: 2 }, memoryMb: 100 },
})

test('a ratio is taken round by round, to the best of the others in that round', () => {
  const { claims } = judge(part, [
    ...[sample('lean', 1, 100), sample('ours', 1, 95), sample('rival', 1, 50)],
    ...[sample('lean', 2, 10), sample('ours', 2, 40), sample('rival', 2, 80)],
    ...[sample('lean', 3, 100), sample('ours', 3, 120), sample('rival', 3, 1)],
  ])
  const [best, alone] = claims
  assert.equal(best?.measured, { median: 0.95, low: 0.5, high: 1.2 })
  assert.is(best?.verdict, 'reached')
  assert.equal([alone?.measured.median, alone?.verdict], [95, 'short of it'])
})

test('a claim about a side that did not run is left out, and costs are told per so many', () => {
  const judged = judge(part, [sample('ours', 1, 40)])
  assert.equal(
    judged.claims.map(({ what }) => what),
    ['alone'],
  )
  assert.is(judged.sides[0]?.cpu.node?.median, 4)
  assert.is(judged.sides[0]?.cpu.postgres, null)
  assert.match(markdownOf(judged), /\| alone \| 40.0 events\/s \| <= 50 events\/s \| {2}\| reached \|/)
})

test('a bound is made of what other parts came to in the same round; without them the claim is left out', () => {
  const bounded: Part = {
    ...part,
    claims: [
      {
        what: 'to what the other allows',
        figure: 'rate',
        of: 'ours',
        bound: (ran) => ran('other', 'floor')?.outcome.figures.rate,
        must: { atLeast: 0.6 },
      },
    ],
  }
  const ours = [sample('ours', 1, 60), sample('ours', 2, 60)]
  const floor = (round: number, rate: number) => ({ ...sample('floor', round, rate), part: 'other' })
  const { claims } = judge(bounded, [...ours, floor(1, 100), floor(2, 80), floor(3, 1)])
  assert.equal(claims[0]?.measured, { median: 0.675, low: 0.6, high: 0.75 })
  assert.is(claims[0]?.unit, 'x')
  assert.equal(judge(bounded, ours).claims, [])
})

test('a run that fails takes no other with it; what the signal ends is over', async () => {
  const stopping = new AbortController()
  const failed: Failure[] = []
  const run = (signal: AbortSignal) =>
    runParts([part], {
      rounds: 1,
      runSide: async (_, { key }) => {
        if (key === 'ours') throw new Error('one message was lost')
        return { outcome: { figures: {} }, cost: undefined }
      },
      begins: () => {},
      keep: async () => {},
      failed: (failure) => failed.push(failure),
      signal,
    })
  const samples = await run(stopping.signal)
  assert.equal(
    samples.map(({ side: key }) => key),
    ['lean', 'rival'],
  )
  const [failure] = failed
  assert.is(failure && markdownOfFailure(failure), 'example, round 1: ours failed: one message was lost')
  stopping.abort()
  assert.is(await run(stopping.signal).catch(() => 'over'), 'over')
})

test('sides take turns, the other way round in every second round; a part may have fewer rounds', async () => {
  const order: string[] = []
  await runParts([part, { ...part, mostRounds: 1 }], {
    rounds: 2,
    runSide: async (_, { key }) => {
      order.push(key)
      return { outcome: { figures: {} }, cost: undefined }
    },
    begins: () => {},
    keep: async () => {},
    failed: () => {},
  })
  const once = ['lean', 'ours', 'rival']
  assert.equal(order, [...once, ...once.toReversed(), ...once])
})

test('what several windows cost is added up', async () => {
  const { window, cost } = createCostMeter({})
  const pauses = [await window(2, () => pause(5)), await window(3, () => pause(5))]
  assert.is(cost()?.count, 5)
  assert.is(cost()?.seconds, pauses[0]! + pauses[1]!)
})

test('memory is that of the processes below, too: a side that drives services is not told without them', async () => {
  const { window, cost } = createCostMeter({})
  await window(1, () => pause(1))
  const alone = cost()!.memoryMb
  const hundredMb = "Buffer.alloc(100e6, 1); console.log('there'); setInterval(() => {}, 1000)"
  const child = spawn(process.execPath, ['-e', hundredMb], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    await window(1, () => pause(1))
  } finally {
    child.kill()
  }
  assert.ok(cost()!.memoryMb > alone + 100, `${cost()!.memoryMb} MB with it, ${alone} MB alone`)
})

test('the table says at what scale it was measured, and of how many rounds', () => {
  assert.is(
    markdownOfSettings({ rounds: 3, scale: 1, bytes: 4_000 }),
    'Medians of 3 rounds (lowest to highest); events of 4,000 bytes.\n',
  )
  assert.match(
    markdownOfSettings({ rounds: 1, scale: 0.1, bytes: 400 }),
    /^One round; .*\nAt 0\.1 of the work/,
  )
})

test.run()
