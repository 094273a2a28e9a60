import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testServers } from '../../shared/testing/index.ts'
import { parsePublished, readPostgresCounters, readPublished } from './counters.ts'

const overview = `#{[{protocol,amqp091}] =>
      #{consumers => 1,messages_confirmed_total => 2474,
        messages_received_confirm_total => 2650,
        messages_received_total => 2656,messages_routed_total => 2456},
  [{protocol,amqp091},{queue_type,rabbit_classic_queue}] =>
      #{messages_acknowledged_total => 5}}`

test('what clients have published is read from the broker`s own notation', () => {
  assert.is(parsePublished(overview), 2_656)
  assert.is(parsePublished('#{}'), null)
  assert.is(parsePublished('Error: unable to perform an operation on node'), null)
})

test('a broker that is not there is not measured, and no error', async () => {
  assert.is(await readPublished(2 ** 22 - 1), null)
})

test('PostgreSQL`s counters are numbers and never go back', async () => {
  const { postgresUrl } = testServers()
  const first = await readPostgresCounters(postgresUrl, ['postgres'])
  const second = await readPostgresCounters(postgresUrl, ['postgres'])
  assert.ok(second.walBytes >= first.walBytes && first.walBytes > 0)
  assert.ok(second.transactions >= first.transactions)
})

test.run()
