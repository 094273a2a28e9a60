import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { consume } from './consume/part.ts'
import type { Part } from './part.ts'
import { runSide } from './side-process.ts'

const nowhere = 'postgres://nobody@127.0.0.1:1/none'
const scene = {
  postgresUrl: nowhere,
  amqpUrl: nowhere,
  namespace: 'bench_none',
  runName: 'bench_none_1',
  pids: {},
  scale: 0.01,
  bytes: 400,
}
const side = consume.sides[0]!

const whyNot = (part: Part): Promise<string> =>
  runSide(part, side, { scene, signal: new AbortController().signal }).then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )

test('a side that fails tells why', async () => {
  assert.match(await whyNot(consume), /^consume, one event a transaction: ended with 1\n[\s\S]*ECONNREFUSED/)
})

test('a side that does not end in time fails', async () => {
  assert.match(await whyNot({ ...consume, mostMinutes: 0.0001 }), /did not end within 0\.0001 minutes/)
})

test.run()
