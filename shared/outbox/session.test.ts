import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isLost } from './session.ts'

/** As a server with German messages says it. */
const answer = (severity: string, code: string | undefined) =>
  Object.assign(new pg.DatabaseError('x', 1, 'error'), { severity, code })

test('whether a connection is lost is told by the code, not by words that the server translates', () => {
  for (const code of ['55P03', '57014', '23514', '40001', '42P01'])
    assert.is(isLost(answer('FEHLER', code)), false, code)
  for (const code of ['57P01', '57P02', '57P03', '57P05', '08006', '08P01', undefined])
    assert.is(isLost(answer('ERROR', code)), true, code)
})

test('what is not said by the server is a loss: a socket that broke, an answer that never came', () => {
  assert.ok(isLost(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })))
  assert.ok(isLost(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })))
  assert.ok(isLost(new Error('Query read timeout')))
})

test.run()
