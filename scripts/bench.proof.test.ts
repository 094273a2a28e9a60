// limit: 240 s
import { connect } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../shared/database/migrations/index.ts'
import { eventually, testServers } from '../shared/testing/index.ts'
import type { Judged } from './bench/judge.ts'
import { benchQueue } from './bench/queue.ts'
import { bench, quick, sides } from './bench/testing.ts'

const judged = async (...args: string[]): Promise<Judged> => {
  const { stdout } = await bench(...args)
  const [part] = (JSON.parse(stdout) as { parts: Judged[] }).parts
  return part!
}

test('npm run bench -- scale holds backlogs and tables of several sizes against the smallest', async () => {
  const chosen = sides('waiting-1000', 'waiting-10000', 'kept-0', 'kept-1000000', 'inbox-0', 'inbox-1000000')
  const { sides: run, claims } = await judged('scale', ...quick, '--scale', '0.001', ...chosen)
  assert.is(run.length, 6)
  for (const { figures } of run) assert.ok(figures.each!.median > 0)
  assert.equal(
    claims.map(({ what, isRatio }) => [what, isRatio]),
    [
      ['10,000 waiting to 1,000', true],
      ['1,000,000 rows kept to none', true],
      ['claim query in PostgreSQL, p99, 1,000,000 rows kept', false],
      ['the same until Node has its rows', false],
      ['1,000,000 inbox rows to none', true],
    ],
  )
})

test('npm run bench -- soak tells by how much each service grew, after a clean audit', async () => {
  const { sides: run, claims } = await judged('soak', ...quick, '--scale', '0.001', '--rate', '40')
  const { figures } = run[0]!
  assert.is(figures.rate?.median, 40)
  assert.ok(figures.p99!.median > 0)
  for (const service of ['order', 'product', 'user']) assert.ok(Number.isFinite(figures[service]?.median))
  assert.is(claims.length, 3)
})

test('npm run bench -- saga counts conflicts of two replicas, whose events come in order', async () => {
  const { sides: run, claims } = await judged('saga', ...quick, ...sides('two'))
  const { rate, retried } = run[0]!.figures
  assert.ok(rate!.median > 0 && retried!.median >= 0)
  assert.equal(
    claims.map(({ what }) => what),
    ['transactions tried again, two replicas'],
  )
})

/** Of this and other runs. */
const benchDatabases = (postgresUrl: string): Promise<string[]> =>
  withClient(databaseOf(postgresUrl, 'postgres'), async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      "select datname from pg_database where datname like 'bench\\_%'",
    )
    return rows.map(({ datname }) => datname)
  })

const isThere = async (amqpUrl: string, queue: string): Promise<boolean> => {
  const connection = await connect(amqpUrl)
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    return await channel.checkQueue(queue).then(
      () => true,
      () => false,
    )
  } finally {
    await connection.close()
  }
}

test('npm run bench leaves nothing on servers of others when it is interrupted', async () => {
  const { postgresUrl, amqpUrl } = testServers()
  const before = new Set(await benchDatabases(postgresUrl))
  const running = bench('relay', ...quick, '--scale', '1', ...sides('ours'))
  const ended = running.catch((error) => error)
  const wait = { withinMs: 60_000 }
  const filled = await eventually(
    async () => (await benchDatabases(postgresUrl)).find((name) => !before.has(name)),
    wait,
  )
  const namespace = filled.slice(0, 'bench_12345678'.length)
  const queue = benchQueue(`${namespace}_1`)
  await eventually(() => isThere(amqpUrl, queue), wait)
  running.child.kill('SIGINT')
  assert.is((await ended).code, 130)
  assert.not(await isThere(amqpUrl, queue))
  assert.not((await benchDatabases(postgresUrl)).some((name) => name.startsWith(namespace)))
})

test.run()
