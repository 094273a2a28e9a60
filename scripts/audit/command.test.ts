import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { environment } from '../../shared/config/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'
import { testServers } from '../../shared/testing/index.ts'
import type { AuditReport } from './audit.ts'
import { byForce, ids } from './testing/settled-system.ts'
import { withNamedSystem } from './testing/with-system.ts'

const script = join(import.meta.dirname, '../audit.ts')
const argumentsFor = (args: readonly string[]) => ['--import', 'tsx', script, ...args]
const nobody = '127.0.0.1:1'
const sumsOfMoney =
  /\nmoney: [\d,]+\.\d\d put in - [\d,]+\.\d\d still there - 0\.00 in orders under way - [\d,]+\.\d\d in SUCCESS orders = 0\nstock: \d+ put in - /

interface Ended {
  code: number
  out: string
  err: string
}

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const options = {
      env: environment({ POSTGRES_URL: testServers().postgresUrl, AMQP_URL: testServers().amqpUrl, ...env }),
    }
    execFile(process.execPath, argumentsFor(args), options, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })

test('--help begins with examples', async () => {
  const { code, out } = await run(['--help'])
  assert.is(code, 0)
  assert.match(out, /^Examples:\n {2}npm run audit\n/)
  for (const flag of ['--json', '--watch', '--grace', '--order', '--broker', '--no-broker'])
    assert.match(out, flag)
  assert.match(out, /Exit codes: 0 clean, 4 findings/)
})

test('wrong usage is exit 2, with one line on stderr', async () => {
  for (const args of [['--order', 'x'], ['--grace', '-1'], ['--watch', '0'], ['--nonsense'], ['extra']]) {
    const { code, out, err } = await run(args)
    assert.is(code, 2, args.join(' '))
    assert.is(out, '')
    assert.match(err, /^error: /)
  }
})

test('a database that is not there is exit 2, a server that is not there 69', async () => {
  const missing = await run([], { SAGA_NAMESPACE: 'nowhere' })
  assert.is(missing.code, 2)
  assert.is(
    missing.err,
    'Database nowhere_saga_order does not exist.\nnext: check POSTGRES_URL and SAGA_NAMESPACE; npm run migrate makes the databases\n',
  )
  const secret = await run([], { POSTGRES_URL: `postgres://me:secret@${nobody}` })
  assert.is(secret.code, 69)
  assert.match(secret.err, /PostgreSQL at 127\.0\.0\.1:1/)
  assert.not.match(secret.err, /secret/)
})

test('of an environment that is not usable, each key has a line and the next step is said', async () => {
  const { code, out, err } = await run([], { POSTGRES_URL: 'nonsense', ORDER_DEADLINE_MS: 'soon' })
  assert.is(code, 78)
  assert.is(out, '')
  assert.match(
    err,
    /^the environment is not usable:\n( {2}\w+: .+\n){2}next: correct it; docs\/environment\.md says what each key takes\n$/,
  )
})

test('a user without the right to read ends in 69, and is told what to do', () =>
  withNamedSystem(async (namespace) => {
    const { postgresUrl } = testServers()
    const role = `limited_${namespace}`
    const asOwner = (sql: string) => withClient(postgresUrl, (client) => client.query(sql))
    await asOwner(`create role ${role} login password 'secret'`)
    try {
      const url = Object.assign(new URL(postgresUrl), { username: role, password: 'secret' })
      const { code, err } = await run(['--no-broker'], { SAGA_NAMESPACE: namespace, POSTGRES_URL: url.href })
      assert.is(code, 69)
      assert.match(err, /^permission denied for table \w+\nnext: name a user in the URL who may, .+\n$/)
    } finally {
      await asOwner(`drop role ${role}`)
    }
  }))

test('a clean system, findings, one order and an absent broker, as they are seen', () =>
  withNamedSystem(async (namespace, urls) => {
    const env = { SAGA_NAMESPACE: namespace, FORCE_COLOR: '' }
    const clean = await run(['--no-broker'], env)
    assert.is(clean.code, 0)
    assert.is(clean.err, '')
    assert.match(clean.out, /^8 orders: 3 SUCCESS, 5 FAILED, 0 PROCESSING; 8 settled and judged\nmoney: /)
    assert.match(clean.out, sumsOfMoney)
    assert.match(clean.out, /\nI14 {2}- {4}the dead-letter queues are empty\n/)
    assert.match(clean.out, /\nclean as far as looked: the broker was not\n$/)
    const whole = await run([], env)
    assert.match(whole.out, /\nI14 {2}ok {3}the dead-letter queues are empty\n/)
    assert.match(whole.out, /\nclean: no findings\n$/)
    assert.not.match(clean.out, '\u001b')

    const without = await run([], { ...env, AMQP_URL: `amqp://me:secret@${nobody}` })
    assert.is(without.code, 0)
    assert.match(without.out, /\nclean as far as looked: the broker was not\n$/)
    assert.match(without.err, /^The broker was not looked at/)
    assert.not.match(without.err, /secret/)
    const required = await run(['--broker'], { ...env, AMQP_URL: `amqp://me:secret@${nobody}` })
    assert.is(required.code, 69)

    await byForce(urls.order, `update orders set total = 5599 where id = '${ids.bought}'`)
    const found = await run(['--no-broker'], env)
    assert.is(found.code, 4)
    assert.ok(
      found.out.includes(
        `\norder.wrong_total (product service) order ${ids.bought}\n  The total is 5599, the reserved lines cost 5600.\n  next: npm run explain -- ${ids.bought}\n\n1 finding\n`,
      ),
      found.out,
    )
    const coloured = await run(['--no-broker'], { ...env, FORCE_COLOR: '1' })
    assert.match(coloured.out, '\u001b')
    assert.not.match((await run(['--no-broker'], { ...env, FORCE_COLOR: '1', NO_COLOR: '1' })).out, '\u001b')

    const other = await run(['--no-broker', '--order', ids.outOfStock], env)
    assert.is(other.code, 0)
    const unknown = await run(['--no-broker', '--order', ids.rich], env)
    assert.is(unknown.code, 1)
    assert.is(unknown.out, '')
    assert.match(
      unknown.err,
      `There is no order ${ids.rich}.\nnext: compare the id with the answer of POST /orders`,
    )

    const json = await run(['--json', '--no-broker'], env)
    assert.is(json.code, 4)
    const report: AuditReport = JSON.parse(json.out)
    assert.equal(report.findings, [
      {
        code: 'order.wrong_total',
        invariant: 'I9',
        service: 'product',
        orderId: ids.bought,
        what: 'The total is 5599, the reserved lines cost 5600.',
        next: `npm run explain -- ${ids.bought}`,
      },
    ])
    assert.equal(report.counts, { 'order.wrong_total': 1 })
    assert.equal(report.orders, { PROCESSING: 0, SUCCESS: 3, FAILED: 5 })
    assert.equal([report.clean, report.truncated, report.notices], [false, false, []])
    assert.is(report.brokerRead, false)
    assert.is(report.sums?.money.difference, '1')
    assert.match(found.out, / in SUCCESS orders = 0\.01\nstock: /)
    assert.equal(
      report.checks.filter(({ findings }) => findings > 0).map(({ code }) => code),
      ['order.wrong_total'],
    )

    await byForce(urls.order, "delete from outbox where type = 'OrderSucceeded'")
    const many = await run(['--no-broker'], env)
    assert.match(many.out, /\n3 findings: 2 outbox\.missing, 1 order\.wrong_total\n$/, many.out)
  }))

test('--watch goes on until it is interrupted, a JSON document a line', () =>
  withNamedSystem(async (namespace) => {
    const env = environment({ POSTGRES_URL: testServers().postgresUrl, SAGA_NAMESPACE: namespace })
    const child = spawn(process.execPath, argumentsFor(['--json', '--watch', '1', '--no-broker']), { env })
    let out = ''
    for await (const chunk of child.stdout) {
      out += chunk
      if (out.split('\n').length > 2) break
    }
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    assert.is(code, 130)
    for (const line of out.trim().split('\n').slice(0, 2)) assert.is(JSON.parse(line).clean, true)
  }))

test.run()
