import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createProgress } from './progress.ts'
import { confirmed, Interrupted } from './question.ts'

/** Draws some of it and the end; answers the lines as a terminal of that width has them, and what followed the bar. */
const drawn = (columns: number, total: number) => {
  let text = ''
  const progress = createProgress('product', total, 0, {
    isTTY: true,
    columns,
    write: (part) => {
      text += part
    },
  })
  progress.show(total / 2)
  progress.end(total)
  return text.split('\r\u001b[K').slice(1)
}

test('the bar tells how much is done and how long it will take, and stays on one line of any terminal', () => {
  const [half, whole] = drawn(120, 1_000_000)
  assert.match(half ?? '', /^product \[#{12}\.{12}\] 500000\/1000000 \d+\/s \d+ s left$/)
  assert.match(whole ?? '', /^product \[#{24}\] 1000000\/1000000 \d+\/s\n$/)
  for (const columns of [60, 40, 20, 5])
    for (const line of drawn(columns, 1_000_000)) assert.ok(line.trimEnd().length < columns, line)
})

test('no bar where there is no terminal', () => {
  const progress = createProgress('order', 10, 0, { write: () => assert.unreachable() })
  progress.show(5)
  progress.end(10)
})

const answered = (typed: string, yes?: boolean) => {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = Object.assign(new PassThrough(), { isTTY: true })
  const answer = confirmed('Send 3 events?', yes, { input, output })
  input.write(typed)
  return answer
}

test('only yes is yes: a word, Enter and the end of the input are no, Ctrl-C ends the command', async () => {
  for (const typed of ['y\r', 'YES\r', ' y \r']) assert.is(await answered(typed), true, typed)
  for (const typed of ['n\r', '\r', 'yesterday\r', '\u0004']) assert.is(await answered(typed), false, typed)
  const error = await answered('\u0003').catch((thrown: unknown) => thrown)
  assert.instance(error, Interrupted)
})

test('nobody is asked who said --yes, or can not answer', async () => {
  assert.is(await answered('n\r', true), true)
  const mute = { input: new PassThrough(), output: new PassThrough() }
  assert.is(await confirmed('Send 3 events?', undefined, mute), true)
})

test.run()
