import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createLog } from './index.ts'

const record = (level?: string) => {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line) }
  return {
    lines,
    log: createLog({ service: 'order', destination, ...(level === undefined ? {} : { level }) }),
  }
}

test('one JSON line an event, with ISO time, service and level', () => {
  const { lines, log } = record()
  log.child({ orderId: 'o1' }).info({ took: 3 }, 'placed')
  const line = JSON.parse(lines[0] ?? '')
  assert.match(line.time, /^\d{4}-\d\d-\d\dT/)
  assert.equal(
    [line.level, line.service, line.orderId, line.took, line.msg],
    ['info', 'order', 'o1', 3, 'placed'],
  )
})

test('the level is kept', () => {
  const { lines, log } = record('warn')
  log.info({}, 'not shown')
  log.warn({}, 'shown')
  assert.is(lines.length, 1)
})

test('no password of a URL, wherever it stands', () => {
  const { lines, log } = record()
  const url = 'amqp://me:hunter2@rabbit:5672/v'
  log.error({ err: new Error(`can't connect to ${url}`), url, deep: { list: [url] } }, `lost ${url}`)
  log.error({ password: 'hunter2', headers: { authorization: 'hunter2' } }, 'secret fields')
  assert.not.match(lines.join(''), 'hunter2')
  assert.match(lines[0] ?? '', 'amqp://me:***@rabbit:5672/v')
})

test('controls, bidirectional and zero-width characters never stand raw; the text survives', () => {
  const { lines, log } = record()
  const name = 'a\r\nINFO \u001b[2J \u202eevil\u202c \u200b\u2066x\u2069 \u2028 \u{e0041} \ufeff'
  log.info({ name }, name)
  assert.is(lines.length, 1)
  const line = (lines[0] ?? '').replace(/\n$/, '')
  assert.not.match(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  assert.is(JSON.parse(line).name, name)
})

test('errors keep their cause', () => {
  const { lines, log } = record()
  log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
  assert.match(lines[0] ?? '', 'inner')
})

test.run()
