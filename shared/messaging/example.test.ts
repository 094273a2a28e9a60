// limit: 120 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runReadme, withBroker } from '../testing/index.ts'

test('the lines of the README compile and run with a copy of this folder, on a broker that has nothing of it', () =>
  withBroker(async ({ url, namespace }) => {
    const env = { AMQP_URL: url, NAMESPACE: namespace }
    const said = await runReadme('messaging', { copied: ['messaging', 'failure'], env })
    assert.match(said, /^confirmed$/m)
    assert.match(said, /^heard OrderPlaced [0-9a-f-]{36} \{"note":"milk"\}$/m)
    assert.match(said, new RegExp(`^${namespace}\\.product\\.events heard ${namespace}\\.EX_ORDER$`, 'm'))
  }))

test.run()
