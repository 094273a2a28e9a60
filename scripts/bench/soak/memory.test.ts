import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { growthPercent, watchMemory } from './memory.ts'

const tenths = (...medians: number[]) => medians.flatMap((mb) => [mb - 5, mb, mb + 90])

test('growth is the median of the last tenth to that of the second one: neither the first nor a peak counts', () => {
  const samples = tenths(10, 100, 300, 300, 300, 300, 300, 300, 300, 120)
  assert.is(Math.round(growthPercent(samples)), 20)
  assert.throws(() => growthPercent([1, 2, 3]), /too few/)
})

test('memory is read in megabytes, of each process', async () => {
  const [own, other] = await watchMemory([process.pid, process.ppid], 60_000).stop()
  const mb = process.memoryUsage.rss() / 2 ** 20
  assert.ok(own![0]! > mb / 4 && own![0]! < mb * 4, `${own} of ${mb}`)
  assert.ok(other![0]! > 0)
})

test.run()
