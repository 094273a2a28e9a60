import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createResources, startOrRelease } from './index.ts'

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

test('a failed start releases what it had acquired', async () => {
  const order: string[] = []
  try {
    await startOrRelease(async (resources) => {
      resources.add('a', () => order.push('a'))
      await resources.acquire(
        'b',
        () => Promise.reject(new Error('no b')),
        () => order.push('b'),
      )
      return {}
    })
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'no b')
  }
  assert.equal(order, ['a'])
})

test('a start that works is stopped through what it returns', async () => {
  let stopped = false
  const running = await startOrRelease(async (resources) => {
    resources.add('a', () => {
      stopped = true
    })
    return { port: 1 }
  })
  assert.is(running.port, 1)
  await running.stop()
  assert.ok(stopped)
})

test.run()
