import { availableParallelism } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Ran, SideAnswer } from '../part.ts'
import { cpuBound, hopsFloor } from './bounds.ts'
import { firstOutOfOrder } from './delivery-order.ts'
import { metricIn } from './retries.ts'

const row = (id: number, aggregateId: string) => ({ id, eventId: `e${id}`, aggregateId })
const said = [row(1, 'a'), row(2, 'b'), row(3, 'a'), row(4, 'b')]

test('aggregates may overtake one another, and events may come again', () => {
  assert.is(firstOutOfOrder(said, ['e2', 'e4', 'e1', 'other', 'e1', 'e3', 'e2']), undefined)
})

test('a later event of an aggregate before an earlier one is out of order, and so is an event that never comes', () => {
  assert.is(firstOutOfOrder(said, ['e2', 'e3', 'e1', 'e4', 'e3'])?.id, 3)
  assert.is(firstOutOfOrder(said, ['e1', 'e2', 'e3'])?.id, 4)
})

test('a metric is added up over its labels, and no other name that begins like it', () => {
  const page = '# HELP tries x\ntries{code="40P01"} 2\ntries{code="23505"} 1\ntries_seconds 7\nruns 5\n'
  assert.equal(
    ['tries', 'runs', 'none'].map((name) => metricIn(page, name)),
    [3, 5, 0],
  )
})

const answer = (figures: Record<string, number>, count: number, cpu: object): SideAnswer => ({
  outcome: { figures },
  cost: { count, seconds: 1, memoryMb: 1, cpu: { node: 0, ...cpu } },
})
const allParts: Record<string, SideAnswer> = {
  'http ours': answer({}, 1_000, { node: 0.2, postgres: 0.1, broker: 0.1 }),
  'consume queue': answer({}, 10_000, { node: 0.6, postgres: 0.3, broker: 0.1 }),
  'relay ours': answer({}, 10_000, { node: 0.4, postgres: 0.3, broker: 0.3 }),
  'latency floor': answer({ commit: 1.5, p50: 2 }, 1, {}),
}
const ranOf =
  (answers: Record<string, SideAnswer>): Ran =>
  (part, side) =>
    answers[`${part} ${side}`]

test('an order costs its request with an event, and three events consumed and published', () => {
  const secondsAnOrder = 0.0004 + 3 * (0.0001 + 0.0001)
  const bound = cpuBound(ranOf(allParts)) as number
  assert.ok(Math.abs(bound - availableParallelism() / secondsAnOrder) < 1e-6)
})

test('no bound without all parts, or where the CPU of the servers is not known', () => {
  const { 'relay ours': _, ...others } = allParts
  assert.is(cpuBound(ranOf(others)), undefined)
  const unknown = answer({}, 10_000, { node: 0.4, postgres: 0.3 })
  assert.is(cpuBound(ranOf({ ...allParts, 'relay ours': unknown })), undefined)
})

test('an order takes four commits and three deliveries at least', () => {
  assert.is(hopsFloor(ranOf(allParts)), 12)
  assert.is(hopsFloor(ranOf({})), undefined)
})

test.run()
