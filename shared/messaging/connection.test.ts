import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testServers } from '../testing/index.ts'
import { connectBroker } from './connection.ts'
import { createKeptLog } from './testing.ts'

test('closed while it connects, a connection is never announced, and nothing is set up on it', async () => {
  const said: string[] = []
  const url = testServers().amqpUrl
  const onState = ({ kind }: { kind: string }) => void said.push(kind)
  const connection = connectBroker({ url, name: 'test', log: createKeptLog(), onState })
  connection.onConnected(async () => void said.push('set up'))
  await connection.close()
  assert.equal(said, ['closed'])
})

test.run()
