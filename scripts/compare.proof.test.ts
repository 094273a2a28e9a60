// limit: 240 s
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from './infra/index.ts'

const orders = 40

interface Sample {
  intendedMs: number
  settledMs: number | null
  status: number
}
interface Results {
  sides: {
    key: string
    legs: {
      leg: { findings: unknown[]; windows: { target: string }[] }
      figures: { settleP50: number | null }
    }[]
  }[]
}

const withFolder = async (use: (folder: string) => Promise<void>) => {
  const parent = await mkdtemp(join(tmpdir(), 'comparison-'))
  try {
    await use(join(parent, 'results'))
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
}

const samplesOf = async (folder: string, side: string): Promise<Sample[]> =>
  (await readFile(join(folder, 'legs', `round-01-${side}`, 'samples.ndjson'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample)

/** Nearest rank; an order that never settled took for ever. */
const medianSettle = (samples: readonly Sample[]) => {
  const took = samples.map(
    ({ settledMs, intendedMs }) => (settledMs ?? Number.POSITIVE_INFINITY) - intendedMs,
  )
  return took.sort((a, b) => a - b)[Math.ceil(took.length / 2) - 1] as number
}

test('npm run compare runs both modes under one workload and one fault; its figures follow from its raw samples', () =>
  withFolder(async (folder) => {
    const workload = [
      '--orders',
      `${orders}`,
      '--rate',
      '20',
      '--warm-up',
      '5',
      '--rounds',
      '1',
      '--seed',
      'test',
    ]
    const args = [
      'scripts/run.mjs',
      'compare',
      ...workload,
      '--fault',
      'kill-user',
      '--out',
      folder,
      '--json',
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: projectRoot,
      maxBuffer: 2 ** 26,
    })
    const { sides } = JSON.parse(stdout) as Results
    assert.equal(
      sides.map(({ key }) => key),
      ['choreography', 'rpc'],
    )
    const samples = await Promise.all(sides.map(({ key }) => samplesOf(folder, key)))
    const [events, rpc] = samples as [Sample[], Sample[]]
    assert.is(events.length, orders)
    assert.equal(
      events.map(({ intendedMs }) => intendedMs),
      rpc.map(({ intendedMs }) => intendedMs),
      'the same arrivals',
    )
    assert.ok(events.every(({ status }) => status === 202))
    for (const [index, { legs }] of sides.entries()) {
      const { leg, figures } = legs[0] as Results['sides'][number]['legs'][number]
      const median = medianSettle(samples[index] as Sample[])
      const told = figures.settleP50 ?? Number.POSITIVE_INFINITY
      assert.ok(median === told || Math.abs(told - median) < 0.01, `${told} told, ${median} in the samples`)
      assert.is(leg.windows[0]?.target, 'user')
    }
    assert.equal(sides[0]?.legs[0]?.leg.findings, [], 'events leave nothing behind')
    const report = join(folder, 'report.html')
    assert.ok((await stat(report)).size < 1_000_000)
    assert.not.match(await readFile(report, 'utf8'), /(src|href)="https?:/)
  }))

test.run()
