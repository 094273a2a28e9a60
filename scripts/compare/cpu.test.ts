import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createCpuMeter,
  machineSeconds,
  type ProcessTimes,
  parseProcStat,
  parsePsLine,
  readProcesses,
  treeSeconds,
} from './cpu.ts'

test('a line of /proc/<pid>/stat, also with a name that looks like fields', () => {
  const line = '42 (a) S 9 (b) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 300 25 20 0 1 0 100 0 0'
  assert.equal(parseProcStat(line), { pid: 42, parent: 7, seconds: 5.25 })
})

test('a line of ps, from seconds to days', () => {
  assert.equal(parsePsLine('   10     1 00:00:02'), { pid: 10, parent: 1, seconds: 2 })
  assert.equal(parsePsLine('10 1 1-02:03:04'), { pid: 10, parent: 1, seconds: 93_784 })
  assert.equal(parsePsLine('10 1 5:07.50'), { pid: 10, parent: 1, seconds: 307.5 })
})

const process = (pid: number, parent: number, seconds: number): ProcessTimes => ({ pid, parent, seconds })

test('a tree counts all that is below, and nothing beside', () => {
  const all = [
    process(1, 0, 100),
    process(10, 1, 1),
    process(11, 10, 2),
    process(12, 11, 4),
    process(20, 1, 8),
  ]
  assert.is(treeSeconds(all, 10), 7)
  assert.is(treeSeconds(all, 99), null)
})

test('a restarted process goes on where the one before ended', async () => {
  let all = [process(10, 1, 3)]
  const meter = createCpuMeter(['order', 'user'], async () => all)
  meter.track('order', 10)
  assert.equal(await meter.read(), { order: 3, user: 0 })
  all = [process(10, 1, 5)]
  await meter.retire('order')
  all = []
  assert.equal(await meter.read(), { order: 5, user: 0 })
  all = [process(30, 1, 0.5)]
  meter.track('order', 30)
  assert.equal(await meter.read(), { order: 5.5, user: 0 })
})

test('on this machine: our own CPU time is found, and grows with work', async () => {
  const own = async () => treeSeconds(await readProcesses(), globalThis.process.pid) ?? Number.NaN
  const before = await own()
  const machine = machineSeconds()
  const until = globalThis.process.cpuUsage().user + 300_000
  while (globalThis.process.cpuUsage().user < until) Math.sqrt(2)
  const used = (await own()) - before
  assert.ok(used > 0.2 && used < 5, `${used} s`)
  assert.ok(machineSeconds().used - machine.used >= 0.2)
})

test.run()
