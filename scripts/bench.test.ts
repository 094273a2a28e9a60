// limit: 240 s
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../shared/database/migrations/index.ts'
import { testServers } from '../shared/testing/index.ts'
import type { Judged } from './bench/judge.ts'
import { bench, quick, sides } from './bench/testing.ts'
import { projectRoot } from './infra/index.ts'

test('npm run bench measures each side, its cost, and what was to be reached', async () => {
  const chosen = sides('lean-leader', 'ours', 'one', 'batches', 'queue', 'kept-1000000')
  const { stdout } = await bench('relay', 'latency', 'consume', 'scale', ...quick, ...chosen)
  const { parts } = JSON.parse(stdout) as { parts: Judged[] }
  assert.equal(
    parts.map(({ part, sides }) => [part, sides.length]),
    [
      ['relay', 2],
      ['latency', 1],
      ['consume', 3],
      ['scale', 1],
    ],
  )
  for (const { sides, figures } of parts) {
    for (const side of sides) {
      assert.ok(Object.keys(side.figures).length > 0 && side.cpu.node !== null)
      for (const [key, { median }] of Object.entries(side.figures)) {
        assert.ok(key in figures && median >= 0)
      }
    }
  }
  const relay = parts[0]!
  const [lean, ours] = relay.sides.map(({ figures }) => figures.rate!.median) as [number, number]
  const claim = relay.claims.find(({ what }) => what === 'relay to the leanest loop')
  assert.is(claim?.measured.median, ours / lean)
})

test('npm run bench leaves no database behind', async () => {
  const { postgresUrl } = testServers()
  const databases = () =>
    withClient(databaseOf(postgresUrl, 'postgres'), async (client) => {
      const { rows } = await client.query<{ datname: string }>(
        "select datname from pg_database where datname like 'bench\\_%'",
      )
      return rows.map(({ datname }) => datname)
    })
  const before = new Set(await databases())
  await bench('consume', ...quick, ...sides('batches'))
  assert.equal(
    (await databases()).filter((name) => !before.has(name)),
    [],
  )
})

test('npm run bench --profile keeps a CPU profile of the side and of the service it measures', async () => {
  const { stderr } = await bench('http', ...quick, ...sides('ours'), '--profile')
  const folder = join(projectRoot, /raw samples: (\S+)/.exec(stderr)?.[1] ?? '')
  for (const name of ['http-ours', 'order-1']) {
    const files = await readdir(join(folder, name))
    assert.ok(files.some((file) => file.endsWith('.cpuprofile')))
  }
  await rm(folder, { recursive: true })
})

test('npm run bench refuses a part that there is not', async () => {
  const failed = await bench('speed').catch((error) => error)
  assert.is(failed.code, 2)
  assert.match(failed.stderr, /there is no part speed; there are relay, .*, scale, soak/)
})

test('npm run bench refuses a side that there is not, and names those that there are, as --help does', async () => {
  const refusal = async (...args: string[]) => {
    const failed = await bench(...args).catch((error) => error)
    assert.is(failed.code, 2)
    return failed.stderr as string
  }
  assert.is(
    await refusal('http', '--side', 'our'),
    'there is no side our; there are http: koa, statement, interactive, ours, ours-alone\n',
  )
  assert.match(
    await refusal('relay', '--side', 'pg-boss'),
    /^the side pg-boss is a rival: it runs with --peers$/m,
  )
  const { stdout } = await bench('--help')
  assert.match(stdout, /^ {2}http: koa, statement, interactive, ours, ours-alone$/m)
  assert.match(stdout, /takes about half an hour/)
})

test.run()
