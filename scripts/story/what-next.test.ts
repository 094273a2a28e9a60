import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { whereabouts } from './what-next.ts'

const urls = {
  postgresUrl: 'postgres://me:secret@db:5432/postgres',
  amqpUrl: "amqp://me:it's@mq:5672/a?heartbeat=5&b",
}

test('servers that the environment named are not repeated, nor their passwords', () => {
  assert.is(whereabouts({ ...urls, kinds: { postgres: 'env', rabbitmq: 'env' } }, ''), '')
  assert.is(whereabouts({ ...urls, kinds: { postgres: 'running', rabbitmq: 'running' } }, ''), '')
  const named = whereabouts({ ...urls, kinds: { postgres: 'env', rabbitmq: 'env' } }, 'mine')
  assert.is(named, '\n  export SAGA_NAMESPACE=mine')
})

test('those that were brought up here are told, each as one word for the shell', () => {
  assert.is(
    whereabouts({ ...urls, kinds: { postgres: 'env', rabbitmq: 'private' } }, ''),
    "\n  export AMQP_URL='amqp://me:it'\\''s@mq:5672/a?heartbeat=5&b'",
  )
  const both = whereabouts(
    { ...urls, amqpUrl: 'amqp://mq', kinds: { postgres: 'private', rabbitmq: 'install' } },
    '',
  )
  assert.is(both, `\n  export POSTGRES_URL=${urls.postgresUrl} AMQP_URL=amqp://mq`)
})

test('a login that compose took from elsewhere is not shown, the one of its file is', () => {
  const kinds = { postgres: 'compose', rabbitmq: 'compose' } as const
  assert.is(
    whereabouts({ ...urls, amqpUrl: 'amqp://guest:guest@mq:5672', kinds }, ''),
    '\n  export POSTGRES_URL=postgres://me:PASSWORD@db:5432/postgres AMQP_URL=amqp://guest:guest@mq:5672',
  )
})

test.run()
