import { test } from 'uvu'
import * as assert from 'uvu/assert'
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

test.run()
