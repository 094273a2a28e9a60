// limit: 180 s
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../shared/contracts/index.ts'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { answers, type Place, withPlace } from './testing/with-place.ts'

const run = promisify(execFile)

const migrate = async ({ env }: Place, ...flags: string[]) =>
  (await run(process.execPath, ['scripts/run.mjs', 'migrate', ...flags], { cwd: projectRoot, env })).stdout

test('npm run migrate says what it would do, does it, and finds nothing to do the second time', () =>
  withPlace(async (place) => {
    const dry = await migrate(place, '--dry-run')
    assert.match(dry, /_saga_order: would be created; would apply 2026\d+_init/)
    assert.match(dry, /would declare exchanges .*EX_ORDER.*EX_TOPIC/)
    assert.match(dry, /would declare queues .*product\.events/)
    assert.match(await migrate(place), /_saga_user: created; applied 2026\d+_init/)
    const again = JSON.parse(await migrate(place, '--json')) as { databases: { applied: string[] }[] }
    assert.equal(
      again.databases.map(({ applied }) => applied),
      [[], [], []],
    )
  }))

test('npm run migrate --dry-run names what is missing alone, and makes nothing', () =>
  withPlace(async (place) => {
    const { SAGA_NAMESPACE: namespace, AMQP_URL: url } = place.env
    await migrate(place)
    assert.match(await migrate(place, '--dry-run'), /_user: up to date\nbroker: up to date\n$/)
    const broker = await connect(String(url))
    const channel = await broker.createChannel()
    await channel.deleteQueue(`${namespace}.product.events`)
    await broker.close()
    const missing = `queue ${namespace}.product.events is missing`
    for (const _ of ['once', 'twice'])
      assert.match(
        await migrate(place, '--dry-run'),
        `\nthe broker's topology: ${missing}; would make what is missing\n`,
      )
    const json = JSON.parse(await migrate(place, '--dry-run', '--json')) as { brokerProblem: string }
    assert.match(json.brokerProblem, missing)
  }))

const startCommand = (place: Place, command: readonly string[], env: Record<string, string> = {}) => {
  const child = spawn(process.execPath, ['scripts/run.mjs', ...command], {
    cwd: projectRoot,
    env: { ...place.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let talk = ''
  child.stderr.on('data', (data) => {
    talk += data
  })
  return { child, talk: () => talk, ended: once(child, 'exit') as Promise<[number | null]> }
}

for (const service of services) {
  test(`npm run ${service} starts one service, which gets ready alone and stops on SIGTERM`, () =>
    withPlace(async (place) => {
      const { child, talk, ended } = startCommand(place, ['service', service], { PORT: String(place.base) })
      const ready = () => fetch(`http://127.0.0.1:${place.base}/readyz`).then(({ ok }) => ok)
      await eventually(ready, { withinMs: 60_000 }).catch((error) => {
        child.kill('SIGKILL')
        throw new Error(talk(), { cause: error })
      })
      child.kill('SIGTERM')
      const [code] = await ended
      assert.is(code, 0, talk())
      assert.is(await answers(place.base), false)
    }))
}

test('npm run order with its port taken ends in one plain line with the next step, and exit 69', () =>
  withPlace(async (place) => {
    const other = createServer().listen(place.base, '127.0.0.1')
    await once(other, 'listening')
    try {
      const { talk, ended } = startCommand(place, ['service', 'order'], { PORT: String(place.base) })
      assert.is((await ended)[0], 69)
      assert.is(
        talk(),
        `port ${place.base}, for the order service, is taken\nnext: stop what listens there, or start with PORT=<port> npm run order\n`,
      )
    } finally {
      other.close()
    }
  }))

test('npm run order -- --help shows that command, and not the one behind it', async () => {
  const args = ['scripts/run.mjs', 'service', 'order', '--help']
  const { stdout } = await run(process.execPath, args, { cwd: projectRoot })
  assert.match(stdout, /^Usage: npm run order -- \[options\]$/m)
  assert.match(stdout, /^ {2}PORT=9002 npm run order$/m)
})

test('npm run relay -- order runs the relay of one service alone', () =>
  withPlace(async (place) => {
    const { child, talk, ended } = startCommand(place, ['relay', 'order'])
    await eventually(() => talk().includes('"state":"leading"'), { withinMs: 60_000 })
    child.kill('SIGTERM')
    assert.is((await ended)[0], 0, talk())
  }))

test.run()
