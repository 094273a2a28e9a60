import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHeaderCarrier } from './header-carrier.ts'

/** What amqplib writes: names with a value, inherited ones too. */
const written = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))

test('each message has its own headers and none of those before it', () => {
  const carry = createHeaderCarrier()
  assert.equal(written(carry({ a: '1', b: '2' })), { a: '1', b: '2' })
  assert.equal(written(carry({ b: '3', c: null })), { b: '3', c: null })
  assert.equal(written(carry({})), {})
})

test('a name that means something to JavaScript is a name like others', () => {
  const carry = createHeaderCarrier()
  const odd = JSON.parse('{"__proto__": {"a": "1"}, "toString": "2"}') as Record<string, unknown>
  assert.equal(Object.keys(written(carry(odd))).sort(), ['__proto__', 'toString'])
  const next = carry({ b: '3' })
  assert.equal(
    Object.entries(next).filter(([, value]) => value !== undefined),
    [['b', '3']],
  )
  assert.is(next.a, undefined)
})

test('names that came once do not stay for ever', () => {
  const carry = createHeaderCarrier()
  let most = 0
  for (let nth = 0; nth < 1_000; nth += 1)
    most = Math.max(most, Object.keys(carry({ [`x${nth}`]: 1 })).length)
  assert.ok(most < 100, `${most} names`)
})

test.run()
