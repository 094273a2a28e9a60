import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import {
  ConfigError,
  colorWanted,
  environment,
  operatorSettings,
  port,
  readConfig,
  serviceSettings,
} from './index.ts'

const schema = z.object({ ...serviceSettings, PORT: port(8002) })
const good = {
  DATABASE_URL: 'postgres://me:s3cr3t@127.0.0.1:5432/saga_order',
  AMQP_URL: 'amqp://me:s3cr3t@127.0.0.1:5672',
}
const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(schema, { ...good, ...env })
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('defaults, in camelCase and typed', () => {
  const config = readConfig(schema, good)
  const mode: 'choreography' | 'rpc' = config.sagaMode
  assert.is(mode, 'choreography')
  assert.is(config.port, 8002)
  assert.is(config.relay, true)
  assert.equal(config.retryDelaysMs, [200, 1000, 5000, 30000])
  assert.equal(config.eventPublishers, {})
  assert.equal(config.fault, [])
  assert.is(config.databaseUrl, good.DATABASE_URL)
})

test('an empty value counts as not set', () => {
  assert.is(readConfig(schema, { ...good, PORT: '', SAGA_MODE: '' }).port, 8002)
  assert.equal(problemsOf({ AMQP_URL: '' }).length, 1)
})

test('every problem at once, one line a key', () => {
  const problems = problemsOf({
    PORT: '70000',
    RELAY: 'yes',
    DATABASE_URL: '',
    SAGA_MODE: 'x',
    FAULT: 'a:explode',
  })
  assert.equal(problems.map((line) => line.split(':')[0]).sort(), [
    'DATABASE_URL',
    'FAULT',
    'PORT',
    'RELAY',
    'SAGA_MODE',
  ])
})

test('whole numbers are digits and nothing else', () => {
  for (const PORT of ['1e3', ' 80', '80 ', '+80', '-1', '0x50', '8.0', '080', 'abc', 'Infinity', '٨']) {
    assert.is(problemsOf({ PORT }).length, 1, PORT)
  }
  assert.is(readConfig(schema, { ...good, PORT: '0' }).port, 0)
})

test('URLs of the wrong kind are refused and never repeated', () => {
  const bad: Record<string, string>[] = [
    { DATABASE_URL: 'mysql://u:hunter2@h/d' },
    { DATABASE_URL: 'postgres://u:hunter2@h' },
    { DATABASE_URL: 'postgres://u:hunter2%zz@h/d' },
    { DATABASE_URL: 'hunter2' },
    { AMQP_URL: 'amqp://127.0.0.1' },
    { AMQP_URL: 'http://u:hunter2@h' },
    { AMQP_URL: 'amqp://u:hunter2@:99999' },
    { AMQP_URL: 'amqp://u:hunter2@one,amqp://two' },
    { AMQP_URL: 'amqp://u:hunter2@one,http://u:hunter2@two' },
    { AMQP_URL: 'amqp://u:hunter2@one/v,amqp://u:hunter2@two/w' },
    { AMQP_URL: 'amqp://u:hunter2@one,amqp://you:hunter2@two' },
  ]
  for (const env of bad) {
    const text = problemsOf(env).join('\n')
    assert.ok(text.startsWith(Object.keys(env)[0] ?? ''), text)
    assert.not.match(text, 'hunter2')
  }
})

test('namespace, publishers, delays and faults are read', () => {
  const config = readConfig(schema, {
    ...good,
    SAGA_NAMESPACE: 't1',
    EVENT_PUBLISHERS: 'order=svc_order,user=svc_user',
    RETRY_DELAYS_MS: '10,20',
    FAULT: 'relay.afterConfirm:kill:3,product.events.OrderPlaced.afterInbox:sleep=500',
  })
  assert.is(config.sagaNamespace, 't1')
  assert.equal(config.eventPublishers, { order: 'svc_order', user: 'svc_user' })
  assert.equal(config.retryDelaysMs, [10, 20])
  assert.equal(config.fault, [
    { name: 'relay.afterConfirm', kind: 'kill', ms: 0, nth: 3 },
    { name: 'product.events.OrderPlaced.afterInbox', kind: 'sleep', ms: 500, nth: 1 },
  ])
})

test('malformed lists are refused', () => {
  const bad: Record<string, string>[] = [
    { SAGA_NAMESPACE: 'A b' },
    { SAGA_NAMESPACE: 'x'.repeat(33) },
    { EVENT_PUBLISHERS: 'ordr=a' },
    { EVENT_PUBLISHERS: 'order=a,order=b' },
    { RETRY_DELAYS_MS: '10,,20' },
    { RETRY_DELAYS_MS: '0' },
    { FAULT: 'a:kill:0' },
    { FAULT: 'a:sleep:1' },
    { FAULT: 'a:kill=3' },
  ]
  for (const env of bad) assert.is(problemsOf(env).length, 1, JSON.stringify(env))
})

test('production refuses default credentials, except on loopback', () => {
  const NODE_ENV = 'production'
  assert.is(problemsOf({ NODE_ENV, AMQP_URL: 'amqp://guest:guest@rabbit' }).length, 1)
  assert.is(problemsOf({ NODE_ENV, DATABASE_URL: 'postgres://postgres:postgres@db/d' }).length, 1)
  assert.is(problemsOf({ NODE_ENV, DATABASE_URL: 'postgres://app@db/d' }).length, 1)
  assert.is(problemsOf({ NODE_ENV, DATABASE_URL: 'postgres://app:x9@db/d' }).length, 0)
  assert.is(problemsOf({ NODE_ENV, AMQP_URL: 'amqp://guest:guest@localhost' }).length, 0)
  assert.is(
    problemsOf({ NODE_ENV, AMQP_URL: 'amqp://guest:guest@localhost,amqp://guest:guest@rabbit' }).length,
    1,
  )
  assert.is(problemsOf({ AMQP_URL: 'amqp://guest:guest@rabbit' }).length, 0)
  assert.is(
    problemsOf({ AMQP_URL: 'amqp://u:a,b@one:5671/v,amqp://u:a,b@two/v,amqps://u:c@three/v' }).length,
    0,
  )
})

test('commands for a running system take the development servers when nothing is said', () => {
  const { postgresUrl, amqpUrl } = readConfig(z.object(operatorSettings), {
    POSTGRES_URL: 'postgres://app:x9@db:5433',
  })
  assert.equal([postgresUrl, amqpUrl], ['postgres://app:x9@db:5433', 'amqp://guest:guest@127.0.0.1:5672'])
})

test('environment is a copy with changes; colours only where wanted', () => {
  const changed = environment({ SOME_KEY: 'x', PATH: undefined })
  assert.is(changed.SOME_KEY, 'x')
  assert.not.ok('PATH' in changed)
  assert.is(colorWanted({ isTTY: true }, { NO_COLOR: '1' }), false)
  assert.is(colorWanted({ isTTY: true }, {}), true)
  assert.is(colorWanted({}, {}), false)
})

test.run()
