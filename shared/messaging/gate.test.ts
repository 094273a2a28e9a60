import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { createGate } from './gate.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const reasonOf = (passing: Promise<void>): Promise<unknown> =>
  passing.then(
    () => 'passed',
    (error: Error) => error.name,
  )

test('who waits is let through when it opens, and turned away by whichever signal aborts first', async () => {
  const gate = createGate('shut')
  const [first, second] = [new AbortController(), new AbortController()]
  const waiting = [
    gate.passed(),
    gate.passed(first.signal, second.signal),
    gate.passed(undefined, first.signal),
  ]
  const ends = Promise.all(waiting.map(reasonOf))
  second.abort(new DOMException('away', 'AbortError'))
  gate.open()
  assert.equal(await ends, ['passed', 'AbortError', 'passed'])
  assert.is(await reasonOf(gate.passed(first.signal)), 'passed')
  assert.is(await reasonOf(gate.passed(second.signal)), 'AbortError')
})

test('a time-out that nobody else holds still fires after garbage was collected', async () => {
  const gate = createGate('shut')
  let reason: unknown
  const wait = () => reasonOf(gate.passed(AbortSignal.timeout(200), new AbortController().signal))
  void wait().then((ended) => {
    reason = ended
  })
  collectGarbage()
  await eventually(() => reason === 'TimeoutError', { withinMs: 5_000 })
})

test.run()
