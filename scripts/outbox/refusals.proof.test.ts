// limit: 600 s
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { testServers } from '../../shared/testing/index.ts'
import { databaseNameOf } from '../infra/index.ts'
import { commandEnv, seedRows, startOutbox, withStage } from './testing/with-stage.ts'

const id = randomUUID()
const other = randomUUID()

/** What a person types, and the first line that is answered on stderr; the exit code is 2 for all of them. */
const refused: [args: string, line: string | RegExp][] = [
  ['replay', 'A replay without a filter would send everything: name a filter, or say --all.'],
  [
    'replay --to user.events',
    'A replay without a filter would send everything: name a filter, or say --all.',
  ],
  ['replay --since 1m --until 2m', 'The range is reversed: --until must be later than --since.'],
  [
    'replay --service order --from-id 9 --to-id 3',
    'The range is reversed: --to-id must not be less than --from-id.',
  ],
  ['replay --from-id 9', 'Row ids belong to one outbox: say which one with --service.'],
  [
    'replay --since yesterday',
    /option '--since <time>' argument 'yesterday' is invalid\. It must be a time like 2026-/,
  ],
  ['replay --since 2026-02-31', /argument '2026-02-31' is invalid/],
  ['replay --service order --from-id 0', /argument '0' is invalid\. It must be the id of an outbox row/],
  ['replay --service order --from-id 99999999999999999999', /It must be the id of an outbox row/],
  ['replay --type OrderPlacd', /There is no event type 'OrderPlacd'; there are OrderPlaced, /],
  ['replay --service stock', /argument 'stock' is invalid\. Allowed choices are order, product, user, all\./],
  ['replay --order 12', /option '--order <id>' argument '12' is invalid\. It must be a UUID\./],
  ['replay --correlation 12', /It must be an order's id \(a UUID\) or a trace id \(32 hex digits\)\./],
  ['replay --status lost --all', /Allowed choices are published, pending, parked\./],
  ...['0', '-5', 'NaN', '1e9', '100001', '0.5', 'fast'].map((rate): [string, RegExp] => [
    `replay --all --rate ${rate}`,
    /option '--rate <n>' argument '\S+' is invalid\. It must be a whole number from 1 to 100000\./,
  ]),
  ['replay --all --rate', /option '--rate <n>' argument missing/],
  [`replay --order ${id} --order ${other}`, /It is given twice, and can be given once\./],
  ['replay --all --service order --service user', /It is given twice, and can be given once\./],
  ...[
    'prune --older-than 7d --older-than 1m',
    `retry --order ${id} --order ${other}`,
    `retry --event ${id} --event ${other}`,
    'dead drop --queue user.events --queue order.events',
    `dead list --order ${id} --order ${other}`,
    `dead redrive --id ${id} --id ${other}`,
    `dead show ${id} --queue user.events --queue order.events`,
  ].map((line): [string, RegExp] => [line, /It is given twice, and can be given once\./]),
  ['replay --since 999999w', /It must be at most 100 years\./],
  ['replay --all --to ', /It must be the name of a queue, like user\.events\./],
  ['replay --all everything', /too many arguments for 'replay'/],
  ['replay --all --to nobody.events', 'There is no queue nobody.events on the broker.'],
  ['replay --all --to nobody.events --dry-run', 'There is no queue nobody.events on the broker.'],
  [
    'replay --all --to user.events.dead',
    /^user\.events\.dead is not a queue that a consumer works on; there are /,
  ],
  ['replay --resume --type OrderPlaced', /^--resume goes on with a run as it was begun/],
  ['replay --resume', 'There is no unfinished replay.'],
  [`replay --resume ${id}`, `There is no replay ${id}.`],
  ['replay --bogus', "error: unknown option '--bogus'"],
  ['reply', "error: unknown command 'reply'"],
  ['prune', "error: required option '--older-than <age>' not specified"],
  ['prune --older-than 7', /It must be a duration like 10s, 15m, 12h or 7d\./],
  ['prune --older-than 999999w', /It must be at most 100 years\./],
  ['prune --older-than 0d', 'The age must be more than nothing.'],
  ['dead drop', 'This would remove every dead letter for good: name a filter, or say --yes.'],
  ['dead list --queue nobody', /^There is no queue nobody with dead letters; there are /],
  ['retry --order x', /It must be a UUID\./],
  ['reconcile --after soon', /It must be a duration like /],
  ['status --watch 0', /It must be a whole number from 1 to 86400\./],
]

test('what can not be meant is refused with one sentence and exit code 2, and nothing is sent or kept', () =>
  withStage(async (stage) => {
    await seedRows(stage, 'order', [{}, {}])
    // Each is a program: two at a time.
    const left = [...refused]
    const client = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [args, line] = next
        const { code, out, err } = await stage.outbox(...args.split(' '))
        const [first = ''] = err.split('\n')
        assert.is(code, 2, `${args}: ${err}`)
        assert.is(out, '', args)
        if (typeof line === 'string') assert.is(first, line, args)
        else assert.match(first, line, args)
        assert.match(err, /\n(next: .+|\(--help shows what there is\))\n$/, `${args}: what next?`)
      }
    }
    await Promise.all([client(), client()])
    assert.equal(await stage.sql('order', 'select id from outbox_replays'), [])
    assert.is(await stage.broker.count(stage.name('product.events')), 0)
  }))

test('a database that is no outbox, or is not there, is said so', () =>
  withStage(async (stage) => {
    await stage.sql('user', 'drop table outbox')
    const none = await stage.outbox('replay', '--all', '--dry-run')
    assert.is(none.code, 2)
    assert.match(
      none.err,
      /^The database t\w+_saga_user on 127\.0\.0\.1:\d+ is no outbox: it has no outbox table\.\nnext: /,
    )
    const env = commandEnv('tnowhere', stage.amqpUrl)
    const gone = await startOutbox(env, ['status']).ended
    assert.is(gone.code, 2)
    assert.match(gone.err, /^The database tnowhere_saga_order on 127\.0\.0\.1:\d+ is not there\.\nnext: /)
    const unheard = await startOutbox(env, ['dead', 'list']).ended
    assert.equal([unheard.code, unheard.out], [2, ''])
    assert.match(unheard.err, /^There is no queue tnowhere\.order\.events\.dead on the broker\.\nnext: /)
  }))

test('production is only changed when it is named, and a dry run needs no such word', () =>
  withStage(async (stage) => {
    await seedRows(stage, 'order', [{}])
    const run = (...args: string[]) =>
      startOutbox(commandEnv(stage.namespace, stage.amqpUrl, { NODE_ENV: 'production' }), args).ended
    for (const args of [
      ['replay', '--all', '--yes'],
      ['replay', '--resume', '--yes'],
      ['retry'],
      ['prune', '--older-than', '1d'],
      ['dead', 'redrive', '--yes'],
      ['dead', 'drop', '--yes'],
      ['reconcile', '--repair'],
    ]) {
      const { code, err } = await run(...args)
      assert.is(code, 2, args.join(' '))
      assert.is(
        err,
        'This would change a production system (NODE_ENV is production).\nnext: if it is meant, the same command with --env production\n',
      )
    }
    assert.is((await run('replay', '--all', '--dry-run')).code, 0)
    assert.is((await run('replay', '--all', '--yes', '--env', 'production')).code, 0)
    const elsewhere = { POSTGRES_URL: 'postgres://me:secret@192.0.2.1:5432', NODE_ENV: undefined }
    const far = await startOutbox(commandEnv(stage.namespace, stage.amqpUrl, elsewhere), ['retry']).ended
    assert.equal(
      [far.code, far.err.includes('192.0.2.1:5432 is not this machine'), far.err.includes('secret')],
      [2, true, false],
    )
  }))

test('a server that is away is exit code 69, a wrong address 78; no password is printed', async () => {
  const run = (more: Record<string, string>, ...args: string[]) =>
    startOutbox(commandEnv('', 'amqp://guest:hush@127.0.0.1:1', more), args).ended
  const away = await run({ POSTGRES_URL: 'postgres://me:hush@127.0.0.1:1' }, 'status')
  assert.is(away.code, 69)
  assert.match(away.err, /^PostgreSQL at 127\.0\.0\.1:1: /)
  const wrong = await run({ POSTGRES_URL: 'mysql://me:hush@127.0.0.1' }, 'status')
  assert.is(wrong.code, 78)
  assert.match(wrong.err, /POSTGRES_URL: must be a URL like/)
  const dead = await run({}, 'dead', 'list')
  assert.is(dead.code, 69)
  const wrongPassword = new URL(testServers().amqpUrl)
  wrongPassword.password = 'hush'
  const env = {
    AMQP_URL: wrongPassword.href,
    POSTGRES_URL: databaseOf(testServers().postgresUrl, 'postgres'),
  }
  const refusedLogin = await run(env, 'dead', 'list')
  assert.equal(
    [refusedLogin.code, refusedLogin.err],
    [
      69,
      `The broker refused the login of ${wrongPassword.username}.\nnext: check user and password in AMQP_URL\n`,
    ],
  )
  for (const { err } of [away, dead]) assert.match(err, /\nnext: check that (PostgreSQL|the broker) runs /)
  assert.not.match(away.err + wrong.err + dead.err, /hush/)
})

test('status tells the outboxes without a broker, why there is none, and what to do', () =>
  withStage(async (stage) => {
    const status = async (amqpUrl: string) =>
      startOutbox(commandEnv(stage.namespace, amqpUrl), ['status']).ended
    const away = await status('amqp://guest:hush@127.0.0.1:1')
    assert.equal([away.code, away.out.split('\n').at(-2)], [69, 'broker: not there'])
    assert.match(away.err, /\nnext: check that the broker runs and that AMQP_URL names it\n$/)
    const wrongPassword = new URL(stage.amqpUrl)
    wrongPassword.password = 'hush'
    const refusedLogin = await status(wrongPassword.href)
    assert.equal(
      [refusedLogin.code, refusedLogin.out.split('\n').at(-2)],
      [69, 'broker: refused the login'],
      refusedLogin.err,
    )
    assert.match(refusedLogin.err, /\nnext: check user and password in AMQP_URL\n$/)
    assert.match(refusedLogin.out, /^order: 0 pending/)
  }))

test('the events of a service with a broker user of its own go out as that user only', () =>
  withStage(async (stage) => {
    await seedRows(stage, 'order', [{}])
    const env = commandEnv(stage.namespace, stage.amqpUrl, { EVENT_PUBLISHERS: 'order=svc_order' })
    const { code, err } = await startOutbox(env, ['replay', '--all', '--yes']).ended
    assert.is(code, 2)
    assert.match(
      err,
      /^Events of order are believed only from the broker user svc_order \(EVENT_PUBLISHERS\)/,
    )
    const repairs = await startOutbox(env, ['reconcile', '--repair']).ended
    assert.equal([repairs.code, repairs.out], [2, ''])
    const [, next] = /^next: the same command with (--service order) and that user/m.exec(repairs.err) ?? []
    assert.ok(next !== undefined, repairs.err)
    const others = await startOutbox(env, ['reconcile', '--repair', '--service', 'product']).ended
    assert.equal([others.code, others.out], [0, 'nothing is missing\n'], others.err)
    const asOrder = new URL(stage.amqpUrl)
    asOrder.username = 'svc_order'
    const meant = await startOutbox({ ...env, AMQP_URL: asOrder.href }, [
      'reconcile',
      '--repair',
      ...next.split(' '),
    ]).ended
    assert.match(meant.err, /^The broker refused the login of svc_order\./, 'no user of the tests')
  }))

test('dead letters go back as the user of their consumer only, who would believe nobody else', () =>
  withStage(async (stage) => {
    const env = commandEnv(stage.namespace, stage.amqpUrl, { EVENT_PUBLISHERS: 'order=guest,user=svc_user' })
    const all = await startOutbox(env, ['dead', 'redrive']).ended
    assert.is(all.code, 2)
    assert.match(all.err, /^What user\.events gave up on can be given back only by the broker user svc_user /)
    assert.match(all.err, /\nnext: the same command with --queue user\.events and that user in AMQP_URL\n$/)
    for (const queue of ['order.events', 'payment.process']) {
      const { code, err } = await startOutbox(env, ['dead', 'redrive', '--queue', queue]).ended
      assert.is(code, 0, err)
    }
  }))

test('every command has help that begins with examples, and the examples parse', async () => {
  const commands = ['', 'status', 'replay', 'runs', 'retry', 'prune', 'reconcile']
  const env = commandEnv('', testServers().amqpUrl)
  for (const command of [...commands, 'dead', 'dead list', 'dead show', 'dead redrive', 'dead drop']) {
    const { code, out } = await startOutbox(env, [...command.split(' '), '--help'].filter(Boolean)).ended
    assert.is(code, 0, command)
    assert.match(out, /^Examples:\n( {2}npm run outbox -- .+\n)+/, command)
    assert.is(out.split('Examples:').length, 2, `${command}: its own examples, and no others`)
    assert.not.match(out, /\(default .*\n?.*\(default: /, `${command}: one default each`)
  }
})

test('a database without the table of replays is said to be older', () =>
  withStage(async (stage) => {
    await stage.sql('order', 'drop table outbox_replays')
    const { code, err } = await stage.outbox('runs')
    assert.is(code, 2)
    assert.match(err, /is of an older version: it has no table for replays\./)
    const name = databaseNameOf('order', stage.namespace)
    const url = databaseOf(testServers().postgresUrl, name)
    await withClient(url, (client) => client.query('select 1 from outbox'))
  }))

test.run()
