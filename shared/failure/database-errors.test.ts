import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  classifyDatabaseError,
  type DatabaseErrorKind,
  isTooMuch,
  isTransient,
  Refused,
  sqlState,
} from './index.ts'

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code })
/** As Prisma's driver adapter reports a failed raw query. */
const raw = (code: string, cause: object) => ({
  ...withCode(code, 'Raw query failed.'),
  meta: { driverAdapterError: { name: 'DriverAdapterError', cause } },
})
const plainPg = (code: string) => Object.assign(new pg.DatabaseError('x', 1, 'error'), { code })
const wrapped = (cause: unknown) => new Error('wrapped', { cause })

const table: [name: string, error: unknown, kind: DatabaseErrorKind, state?: string][] = [
  ['P2034, a write conflict', withCode('P2034'), 'conflict'],
  ['P2010 with 40P01, a deadlock', raw('P2010', { originalCode: '40P01' }), 'conflict', '40P01'],
  ['P2010 with 40001, a serialization failure', raw('P2010', { originalCode: '40001' }), 'conflict', '40001'],
  ['P2010 with 55P03, a lock timeout', raw('P2010', { originalCode: '55P03' }), 'conflict', '55P03'],
  ['P2010 with the state as code', raw('P2010', { kind: 'postgres', code: '40P01' }), 'conflict', '40P01'],
  ['P2028, the transaction API', withCode('P2028'), 'unavailable'],
  ['P2024, the pool', withCode('P2024'), 'unavailable'],
  ['P1001, no server', withCode('P1001'), 'unavailable'],
  ['P1017, connection closed', withCode('P1017'), 'unavailable'],
  ['P2010 with 57014, a statement timeout', raw('P2010', { originalCode: '57014' }), 'unavailable', '57014'],
  ['P2010 with 57P01, a shutdown', raw('P2010', { originalCode: '57P01' }), 'unavailable', '57P01'],
  [
    'P2010 with 25P03, idle in a transaction',
    raw('P2010', { originalCode: '25P03' }),
    'unavailable',
    '25P03',
  ],
  ['P2010 with 53300, too many connections', raw('P2010', { originalCode: '53300' }), 'unavailable', '53300'],
  ['a killed backend without a code', new Error('Connection terminated unexpectedly'), 'unavailable'],
  ['a server that closed', new Error('server closed the connection unexpectedly'), 'unavailable'],
  ['the pool timeout of pg', new Error('timeout exceeded when trying to connect'), 'unavailable'],
  [
    'a connection pg is done with',
    new Error('Client has encountered a connection error and is not queryable'),
    'unavailable',
  ],
  ['a kind the adapter names', raw('P2010', { kind: 'DatabaseNotReachable' }), 'unavailable'],
  ['P2039 with 23514, a check', raw('P2039', { originalCode: '23514' }), 'constraint', '23514'],
  ['P2010 with 23505, a unique key', raw('P2010', { originalCode: '23505' }), 'constraint', '23505'],
  ['P2002, a unique key', withCode('P2002'), 'constraint'],
  ['P2003, a foreign key', withCode('P2003'), 'constraint'],
  ['pg: 23505', plainPg('23505'), 'constraint', '23505'],
  ['pg: 23514', plainPg('23514'), 'constraint', '23514'],
  ['pg: 40001', plainPg('40001'), 'conflict', '40001'],
  ['pg: 40P01', plainPg('40P01'), 'conflict', '40P01'],
  ['pg: 0A000, a plan from before a migration', plainPg('0A000'), 'conflict', '0A000'],
  ['pg: 57P03, starting up', plainPg('57P03'), 'unavailable', '57P03'],
  ['pg: 08006, the connection', plainPg('08006'), 'unavailable', '08006'],
  ['pg: 3D000, no database yet', plainPg('3D000'), 'unavailable', '3D000'],
  ['pg: 42601, a syntax error', plainPg('42601'), 'other', '42601'],
  ['pg: 22003, out of range', plainPg('22003'), 'other', '22003'],
  ['ECONNREFUSED', withCode('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432'), 'unavailable'],
  ['ECONNREFUSED of every address', withCode('ECONNREFUSED', ''), 'unavailable'],
  ['ECONNRESET', withCode('ECONNRESET'), 'unavailable'],
  ['EPIPE, which looks like a SQLSTATE', withCode('EPIPE', 'write EPIPE'), 'unavailable'],
  ['ENOTFOUND', withCode('ENOTFOUND'), 'unavailable'],
  ['a cause that tells', wrapped(plainPg('40001')), 'conflict'],
  ['a cause of a cause that tells', wrapped(wrapped(withCode('ECONNREFUSED'))), 'unavailable'],
  ['an error that is its own cause', selfCaused(), 'other'],
  ['a defect', new TypeError('x is not a function'), 'other'],
  ['a refusal', new Refused('conflict', 'no', { code: 'order.terminal' }), 'other'],
  ['nothing', undefined, 'other'],
  ['null', null, 'other'],
  ['a string', 'ECONNREFUSED?', 'other'],
]

function selfCaused() {
  const error: Error & { cause?: unknown } = new Error('round')
  error.cause = error
  return error
}

for (const [name, error, kind, state] of table) {
  test(`${name}: ${kind}`, () => {
    assert.is(classifyDatabaseError(error), kind)
    assert.is(isTransient(error), kind === 'conflict' || kind === 'unavailable')
    assert.is(sqlState(error), state)
  })
}

test('a statement that takes too long or too much memory may be at fault itself, also where it is the cause', () => {
  for (const code of ['57014', '53200'])
    assert.ok(isTooMuch(plainPg(code)) && isTooMuch(wrapped(plainPg(code))), code)
  for (const error of [plainPg('55P03'), plainPg('53300'), withCode('ECONNREFUSED'), undefined])
    assert.not(isTooMuch(error))
})

test.run()
