import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom, createZipf } from './random.ts'

const draw = (seed: string, count: number) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

test('the same seed draws the same numbers, another seed others', () => {
  assert.equal(draw('seven', 50), draw('seven', 50))
  assert.not.equal(draw('seven', 50), draw('eight', 50))
})

test('the first numbers of a seed never change: plans stay repeatable between versions', () => {
  assert.equal(
    draw('1', 3).map((value) => Math.floor(value * 1e6)),
    [256941, 132007, 819591],
  )
})

test('numbers are uniform in [0, 1): mean 1/2, variance 1/12, tenths evenly filled', () => {
  const values = draw('uniform', 100_000)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  assert.ok(Math.abs(mean - 0.5) < 0.005, `mean ${mean}`)
  assert.ok(Math.abs(variance - 1 / 12) < 0.002, `variance ${variance}`)
  const tenths = new Array<number>(10).fill(0)
  for (const value of values) tenths[Math.floor(value * 10)]! += 1
  assert.ok(tenths.every((count) => Math.abs(count - 10_000) < 500))
})

test('neighbouring numbers and neighbouring seeds are not correlated', () => {
  const correlation = (xs: number[], ys: number[]) =>
    xs.reduce((sum, x, i) => sum + (x - 0.5) * ((ys[i] ?? 0.5) - 0.5), 0) / xs.length / (1 / 12)
  const values = draw('a', 20_000)
  assert.ok(Math.abs(correlation(values.slice(1), values)) < 0.03)
  assert.ok(Math.abs(correlation(draw('1', 20_000), draw('2', 20_000))) < 0.03)
})

test('waiting times have the mean 1 / rate, normals mean 0 and deviation 1', () => {
  const random = createRandom('times')
  const times = Array.from({ length: 50_000 }, () => random.exponential(4))
  assert.ok(Math.abs(times.reduce((sum, time) => sum + time, 0) / times.length - 0.25) < 0.005)
  const normals = Array.from({ length: 50_000 }, () => random.normal())
  const mean = normals.reduce((sum, value) => sum + value, 0) / normals.length
  const variance = normals.reduce((sum, value) => sum + value ** 2, 0) / normals.length
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03)
})

test('Zipf: rank k comes up in proportion to 1 / (k + 1)', () => {
  const zipf = createZipf(20, 1)
  const random = createRandom('zipf')
  const counts = new Array<number>(20).fill(0)
  for (let i = 0; i < 100_000; i += 1) counts[zipf(random)]! += 1
  const harmonic = Array.from({ length: 20 }, (_, k) => 1 / (k + 1)).reduce((sum, share) => sum + share, 0)
  for (const [rank, count] of counts.entries()) {
    const expected = 100_000 / (rank + 1) / harmonic
    assert.ok(Math.abs(count - expected) < 5 * Math.sqrt(expected), `rank ${rank}: ${count}, not ${expected}`)
  }
})

test('Zipf with exponent 0 is uniform, and one rank is always rank 0', () => {
  const random = createRandom('flat')
  const flat = createZipf(4, 0)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 40_000; i += 1) counts[flat(random)]! += 1
  assert.ok(counts.every((count) => Math.abs(count - 10_000) < 500))
  assert.is(createZipf(1, 1)(random), 0)
})

test.run()
