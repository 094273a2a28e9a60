import { getEventListeners } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { backoffMs, describe, pause, Refused, Unavailable } from './index.ts'

test('a failure carries its code, what to do next, and its cause', () => {
  const cause = new Error('below')
  const refused = new Refused('invalid', 'no', {
    code: 'request.invalid',
    next: 'Correct it.',
    problems: [{ pointer: '/a', message: 'must be a number' }],
    cause,
  })
  assert.ok(refused instanceof Error && !(refused instanceof Unavailable))
  assert.equal(
    [refused.name, refused.message, refused.kind, refused.code, refused.next, refused.problems],
    [
      'Refused',
      'no',
      'invalid',
      'request.invalid',
      'Correct it.',
      [{ pointer: '/a', message: 'must be a number' }],
    ],
  )
  assert.is(refused.cause, cause)
  const bare = new Unavailable('away', { code: 'database.unavailable' })
  assert.equal([bare.name, bare.next, 'cause' in bare], ['Unavailable', undefined, false])
})

test('whatever was thrown is described in one line', () => {
  assert.is(describe(new Error('two\n  lines ')), 'two lines')
  assert.is(describe(new TypeError('')), 'TypeError')
  assert.is(describe('text'), 'text')
  assert.is(describe(undefined), 'undefined')
  const refusals = [new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')]
  assert.is(describe(new AggregateError(refusals, '')), refusals.map(({ message }) => message).join('; '))
  assert.is(describe(new AggregateError([], 'none')), 'none')
  const prisma = '\nInvalid `prisma.$queryRawUnsafe()` invocation:\n\n\nRaw query failed. Code: `42601`'
  assert.is(describe(new Error(prisma)), 'Raw query failed. Code: `42601`')
})

test('a pause grows to its cap, and is spread from nothing to all of it', () => {
  const longest = (attempt: number) =>
    backoffMs(attempt, { firstMs: 100, capMs: 1_000, random: () => 0.999_999 })
  assert.equal([0, 1, 2, 3, 4, 100, 5_000].map(longest), [99, 199, 399, 799, 999, 999, 999])
  assert.is(backoffMs(3, { firstMs: 100, capMs: 1_000, random: () => 0 }), 0)
  assert.is(backoffMs(3, { firstMs: 100, capMs: 1_000, random: () => 0.5 }), 400)
  for (let n = 0; n < 100; n += 1) {
    const ms = backoffMs(2, { firstMs: 10, capMs: 1_000 })
    assert.ok(Number.isInteger(ms) && ms >= 0 && ms < 40)
  }
})

test('a pause ends after its time, or at once at an abort, and leaves no listener behind', async () => {
  const leaving = new AbortController()
  await pause(1, leaving.signal)
  await pause(1)
  assert.is(getEventListeners(leaving.signal, 'abort').length, 0)
  const long = pause(60_000, leaving.signal)
  assert.is(getEventListeners(leaving.signal, 'abort').length, 1)
  leaving.abort()
  await long
  await pause(60_000, leaving.signal)
  assert.is(getEventListeners(leaving.signal, 'abort').length, 0)
})

test.run()
