import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Refused } from '../failure/index.ts'
import { parseBrokerUrl } from './broker-url.ts'
import { reconnectDelayMs } from './connection.ts'

test('what is shown and what is redacted holds no password', () => {
  const address = parseBrokerUrl('amqp://me:p%40ss%2Fword@rabbit:5672/my%2Fhost', 10)
  assert.is(address.shown, 'amqp://rabbit:5672/my%2Fhost')
  assert.equal([address.user, address.vhost], ['me', 'my/host'])
  for (const text of ['amqp://me:p%40ss%2Fword@rabbit', 'login p@ss/word', `no ${address.url}`]) {
    assert.not.match(address.redact(text), /p%40ss|p@ss|word/)
  }
})

test('the management API is expected 10 000 above, with TLS where the broker has TLS', () => {
  const of = (url: string) => parseBrokerUrl(url, 10).managementUrl
  assert.is(of('amqp://me:p%40ss@rabbit/v'), 'http://me:p%40ss@rabbit:15672')
  assert.is(of('amqps://me:word@rabbit'), 'https://me:word@rabbit:15671')
  assert.is(of('amqp://me:word@[::1]:20000'), 'http://me:word@[::1]:30000')
})

test('a URL that is none is refused without being quoted', () => {
  for (const text of ['secret', 'http://me:secret@x', '', '//me:secret@x']) {
    try {
      parseBrokerUrl(text, 10)
      assert.unreachable()
    } catch (error) {
      assert.instance(error, Refused)
      assert.not.match(JSON.stringify({ ...(error as object), text: String(error) }), 'secret')
    }
  }
})

test('the first attempt after a good time comes at once, later ones at most every second, at least every two', () => {
  assert.ok(reconnectDelayMs(0, () => 0.999) <= 200)
  for (const failures of [1, 2, 3, 10, 1_000]) {
    for (const random of [0, 0.5, 0.999]) {
      const delay = reconnectDelayMs(failures, () => random)
      assert.ok(delay >= 1_000 && delay <= 2_000, `${failures}: ${delay}`)
    }
  }
})

test.run()
