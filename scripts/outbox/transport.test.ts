import { mock } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Publisher } from '../../shared/messaging/index.ts'
import { replayTransport } from './transport.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A publisher whose broker never comes. */
const away = {
  ready: (signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
} as unknown as Publisher

test('a broker that stays away is waited for half a minute, also when garbage is collected meanwhile', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    let said = 'nothing'
    const waiting = replayTransport('order', away, 'queue')
      .ready(new AbortController().signal)
      .catch((error) => {
        said = error.message
      })
    collectGarbage()
    mock.timers.tick(29_999)
    assert.is(said, 'nothing')
    mock.timers.tick(1)
    await waiting
    assert.is(said, 'The broker was away for 30 s.')
  } finally {
    mock.timers.reset()
  }
})

test.run()
