import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClaimedRow } from './claim.ts'
import { createLanes } from './lanes.ts'

const row = (id: number, aggregateId: string, attempts = 0, payloadText = '{}'): ClaimedRow => ({
  id: BigInt(id),
  eventId: `e${id}`,
  type: 'T',
  aggregateId,
  exchange: 'X',
  routingKey: 'k',
  payloadText,
  headers: {},
  createdAt: new Date(0),
  attempts,
  isBehindParked: false,
  leadsParked: false,
  isTooLarge: false,
})

const megabyte = 1024 * 1024
const limits = {
  inFlight: 3,
  memory: { rows: 12, bytes: 4 * megabyte, claimBytes: 2 * megabyte },
  perAggregate: 4,
  blocked: 5,
}
type Lanes = ReturnType<typeof createLanes>
const takeAll = (lanes: Lanes): ClaimedRow[] => {
  const next = lanes.takeNext()
  return next === undefined ? [] : [next, ...takeAll(lanes)]
}
const idsOf = (rows: readonly ClaimedRow[]) => rows.map(({ id }) => Number(id))

test('one of each aggregate, as many as may be in flight; the next one after its predecessor', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a'), row(2, 'a'), row(3, 'b'), row(4, 'c'), row(5, 'd')])
  const [one, three, four] = takeAll(lanes)
  assert.equal(idsOf([one!, three!, four!]), [1, 3, 4])
  lanes.accept([row(6, 'b')])
  lanes.confirmed(four!)
  assert.equal(idsOf(takeAll(lanes)), [5])
  lanes.confirmed(three!)
  lanes.confirmed(one!)
  assert.equal(idsOf(takeAll(lanes)), [6, 2])
})

test('a row that comes later waits for its predecessor, also when there is room', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a')])
  const first = lanes.takeNext()!
  lanes.accept([row(2, 'a')])
  assert.is(lanes.takeNext(), undefined)
  lanes.confirmed(first)
  assert.is(lanes.takeNext()!.id, 2n)
})

test('a row is held until it is marked', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a')])
  lanes.confirmed(lanes.takeNext()!)
  assert.equal([lanes.heldIds(), lanes.room()], [[1n], 11])
  lanes.accept([row(1, 'a')])
  assert.is(lanes.takeNext(), undefined)
  lanes.marked([1n])
  assert.equal([lanes.heldIds(), lanes.room()], [[], 12])
})

test('there is room for a claim as long as all that it may bring fits into memory', () => {
  const lanes = createLanes(limits)
  const rows = (from: number, count: number, bytes: number) =>
    Array.from({ length: count }, (_, nth) => row(from + nth, `a${from + nth}`, 0, 'x'.repeat(bytes)))
  assert.is(lanes.room(), 12)
  lanes.accept(rows(1, 2, megabyte))
  assert.is(lanes.room(), 10)
  lanes.accept(rows(3, 1, 1))
  assert.is(lanes.room(), 0)
  lanes.marked([3n])
  assert.is(lanes.room(), 10)
  lanes.accept(rows(4, 1, 8 * megabyte))
  lanes.marked([1n, 2n])
  assert.is(lanes.room(), 0)
  lanes.marked([4n])
  assert.is(lanes.room(), 12)
})

test('a claim that failed is made for half as many rows, until one comes through', () => {
  const lanes = createLanes(limits)
  const rooms = [1, 2, 3, 4, 5].map(() => {
    lanes.claimFailed()
    return [lanes.room(), lanes.capacity()]
  })
  assert.equal(rooms, [
    [6, 6],
    [3, 3],
    [1, 1],
    [1, 1],
    [1, 1],
  ])
  lanes.accept([row(1, 'a')])
  lanes.accept([row(2, 'b')])
  assert.is(lanes.room(), 4)
})

test('a refused row lets go of its aggregate, and nothing of it is taken until it opens again', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a'), row(2, 'a'), row(3, 'b')])
  lanes.refused(lanes.takeNext()!)
  assert.equal([lanes.heldIds(), lanes.skipped()], [[3n], ['a']])
  lanes.accept([row(1, 'a', 1)])
  lanes.openAgainAt('a', 1000)
  assert.equal([lanes.nextDue(), lanes.openDue(999), lanes.openDue(1000)], [1000, false, true])
  lanes.accept([row(1, 'a', 1), row(2, 'a')])
  assert.equal(lanes.heldIds(), [3n, 1n, 2n])
})

test('an aggregate with many rows in memory is skipped until half of them are gone', () => {
  const lanes = createLanes(limits)
  lanes.accept([1, 2, 3, 4].map((id) => row(id, 'a')))
  assert.equal(lanes.skipped(), ['a'])
  assert.is(lanes.confirmed(lanes.takeNext()!), false)
  assert.is(lanes.confirmed(lanes.takeNext()!), true)
  assert.equal(lanes.skipped(), [])
})

test('what was refused goes out with the others when its time has come', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a', 1), row(2, 'b', 5), row(3, 'c')])
  assert.equal(idsOf(takeAll(lanes)), [1, 2, 3])
})

test('while very many aggregates wait for their next try nothing is claimed', () => {
  const lanes = createLanes(limits)
  const refuse = (id: number) => {
    lanes.accept([row(id, `a${id}`)])
    lanes.refused(lanes.takeNext()!)
  }
  for (const id of [1, 2, 3, 4]) refuse(id)
  assert.is(lanes.room(), 12)
  refuse(5)
  assert.is(lanes.room(), 0)
  lanes.openAgainAt('a3', 7)
  assert.equal([lanes.nextDue(), lanes.openDue(7), lanes.room()], [7, true, 12])
})

test('unknown is no reason to refuse as long as nothing else is confirmed either', () => {
  const lanes = createLanes(limits)
  lanes.accept([row(1, 'a'), row(2, 'b')])
  for (let round = 0; round < 20; round += 1)
    for (const flying of takeAll(lanes)) assert.is(lanes.unknown(flying), 'again')
  assert.is(lanes.counts().held, 2)
})

const convict = (lanes: Lanes) => {
  lanes.accept([row(1, 'a')])
  const verdicts: string[] = []
  for (let round = 2; round < 30 && verdicts.at(-1) !== 'refused'; round += 1) {
    lanes.accept([row(round, `b${round}`)])
    for (const flying of takeAll(lanes)) {
      if (flying.aggregateId === 'a') verdicts.push(lanes.unknown(flying))
      else {
        lanes.confirmed(flying)
        lanes.marked([flying.id])
      }
    }
  }
  return verdicts
}

test('unknown when alone, again and again, while others are confirmed: refused', () => {
  assert.equal(convict(createLanes(limits)), ['again', 'again', 'again', 'again', 'refused'])
})

test('what was refused for what became of the others goes out alone, until it is out or parked', () => {
  const back = (lanes: Lanes) => {
    lanes.openDue(0)
    lanes.accept([row(1, 'a', 1), row(100, 'x'), row(101, 'y')])
    return takeAll(lanes)
  }
  const lanes = createLanes(limits)
  convict(lanes)
  lanes.openAgainAt('a', 0)
  const others = back(lanes)
  assert.equal(idsOf(others), [8, 100, 101])
  others.forEach(lanes.confirmed)
  const alone = takeAll(lanes)
  assert.equal(idsOf(alone), [1])
  lanes.confirmed(alone[0]!)
  lanes.accept([row(2, 'a'), row(102, 'z')])
  assert.equal(idsOf(takeAll(lanes)), [2, 102])

  const parking = createLanes(limits)
  convict(parking)
  parking.openAgain('a')
  assert.equal(idsOf(back(parking)), [8, 1, 100])
})

test.run()
