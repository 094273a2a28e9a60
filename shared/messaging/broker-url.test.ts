import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Refused } from '../failure/index.ts'
import { parseBrokerUrls } from './broker-url.ts'
import { reconnectDelayMs } from './connection.ts'

const parseBrokerUrl = (text: string) => {
  const [address, ...others] = parseBrokerUrls(text, 10)
  assert.is(others.length, 0)
  return address as NonNullable<typeof address>
}

test('what is shown and what is redacted holds no password', () => {
  const address = parseBrokerUrl('amqp://me:p%40ss%2Fword@rabbit:5672/my%2Fhost')
  assert.is(address.shown, 'amqp://rabbit:5672/my%2Fhost')
  assert.equal([address.user, address.vhost], ['me', 'my/host'])
  for (const text of ['amqp://me:p%40ss%2Fword@rabbit', 'login p@ss/word', `no ${address.url}`]) {
    assert.not.match(address.redact(text), /p%40ss|p@ss|word/)
  }
})

test('the management API is expected 10 000 above, with TLS where the broker has TLS', () => {
  const of = (url: string) => parseBrokerUrl(url).managementUrl
  assert.is(of('amqp://me:p%40ss@rabbit/v'), 'http://me:p%40ss@rabbit:15672')
  assert.is(of('amqps://me:word@rabbit'), 'https://me:word@rabbit:15671')
  assert.is(of('amqp://me:word@[::1]:20000'), 'http://me:word@[::1]:30000')
})

test('the nodes of a cluster are one after another; a comma in a password parts nothing', () => {
  const nodes = parseBrokerUrls('amqp://me:a,b@one:5672/v,amqp://me:a,b@two/v,amqps://me:a,b@three/v', 10)
  assert.equal(
    nodes.map((it) => it.shown),
    ['amqp://one:5672/v', 'amqp://two/v', 'amqps://three/v'],
  )
  assert.equal(new Set(nodes.map((it) => it.password)), new Set(['a,b']))
  for (const other of ['amqp://you:word@two/v', 'amqp://me:word@two/w', 'amqp://me:word@two/v,']) {
    assert.throws(
      () => parseBrokerUrls(`amqp://me:word@one/v,${other}`, 10),
      (error: unknown) => error instanceof Refused && error.code === 'broker.url_invalid',
    )
  }
})

test('a URL that is none is refused without being quoted', () => {
  for (const text of ['secret', 'http://me:secret@x', '', '//me:secret@x']) {
    try {
      parseBrokerUrls(text, 10)
      assert.unreachable()
    } catch (error) {
      assert.instance(error, Refused)
      assert.not.match(JSON.stringify({ ...(error as object), text: String(error) }), 'secret')
    }
  }
})

test('the first attempt after a good time comes at once, later ones at most every second, at least every two', () => {
  assert.ok(reconnectDelayMs(0, 1, () => 0.999) <= 200)
  for (const failures of [1, 2, 3, 10, 1_000]) {
    for (const random of [0, 0.5, 0.999]) {
      const delay = reconnectDelayMs(failures, 1, () => random)
      assert.ok(delay >= 1_000 && delay <= 2_000, `${failures}: ${delay}`)
    }
  }
})

test('every node of a cluster is tried at once, and then each at most every second', () => {
  const delays = [0, 1, 2, 3, 4, 5, 6].map((failures) => reconnectDelayMs(failures, 3, () => 0.999))
  assert.equal(
    delays.map((delay) => delay >= 1_000),
    [false, false, false, true, false, false, true],
  )
})

test.run()
