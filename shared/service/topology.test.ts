import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pause } from '../failure/index.ts'
import { silentLog } from '../log/index.ts'
import { connectBroker } from '../messaging/index.ts'
import { keepTopology } from './topology.ts'

test('who asks for the topology when stopping has begun is turned away at once, broker or not', async () => {
  const log = silentLog()
  const connection = connectBroker({ url: 'amqp://guest:guest@127.0.0.1:1', name: 'test', log })
  const nothing = { exchanges: [], exchangeBindings: [], queues: [], bindings: [] }
  const topology = keepTopology(connection, nothing, log)
  const reason = new Error('stopping')
  const asked = topology.ready(AbortSignal.abort(reason)).catch((error: unknown) => error)
  assert.is(await Promise.race([asked, pause(1_000)]), reason)
  const looked = topology.firstLook(AbortSignal.abort(reason)).then(() => 'done')
  assert.is(await Promise.race([looked, pause(1_000)]), 'done')
  await topology.stop()
  await connection.close()
})

test.run()
