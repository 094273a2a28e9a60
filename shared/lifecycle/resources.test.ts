import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createResources } from './index.ts'

test('released in reverse, each once', async () => {
  const order: string[] = []
  const resources = createResources()
  await resources.acquire(
    'a',
    () => 'A',
    (it) => order.push(it),
  )
  resources.add('b', async () => order.push('B'))
  await Promise.all([resources.stop(), resources.stop()])
  assert.equal(order, ['B', 'A'])
})

test('one that fails to stop does not keep the others', async () => {
  const order: string[] = []
  const resources = createResources()
  resources.add('a', () => order.push('a'))
  resources.add('b', () => {
    throw new Error('stuck')
  })
  try {
    await resources.stop()
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, 'could not stop b')
  }
  assert.equal(order, ['a'])
})

test.run()
