// limit: 240 s
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { managementOffset } from '../../shared/messaging/index.ts'
import { eventually, skipTest } from '../../shared/testing/index.ts'
import { withPlace } from '../testing/with-place.ts'
import { findRabbitServer, projectRoot, startPrivateRabbit } from './index.ts'

const run = promisify(execFile)

const withRabbit = async (use: (url: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), 'bindings-'))
  const server = await startPrivateRabbit({ dataDir: join(folder, 'rabbitmq') })
  try {
    await use(server.url)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const managementOf = (url: string) => `http://127.0.0.1:${Number(new URL(url).port) + managementOffset}`
const isManaged = (url: string) =>
  fetch(managementOf(url)).then(
    ({ ok }) => ok,
    () => false,
  )

const runMigrate = (env: Record<string, string>, ...flags: string[]) =>
  run(process.execPath, ['scripts/run.mjs', 'migrate', ...flags], { cwd: projectRoot, env })
const migrate = async (env: Record<string, string>) => (await runMigrate(env)).stderr

const onChannel = async (
  url: string,
  work: (names: Awaited<ReturnType<typeof openChannel>>) => Promise<unknown>,
) => {
  const opened = await openChannel(url)
  try {
    await work(opened)
  } finally {
    await opened.connection.close()
  }
}
const openChannel = async (url: string) => {
  const connection = await connect(url)
  return { connection, channel: await connection.createChannel() }
}

if (findRabbitServer() === undefined)
  skipTest(test, 'a missing binding is named', 'no RabbitMQ on this machine')
else {
  test('a binding that was deleted is named by the next migrate and made again; one that is too much is named and left', () =>
    withPlace(({ env }) =>
      withRabbit(async (url) => {
        assert.ok(await eventually(() => isManaged(url), { withinMs: 20_000 }), 'the management plugin runs')
        const mine = { ...env, AMQP_URL: url }
        const namespace = String(env.SAGA_NAMESPACE)
        const name = (it: string) => `${namespace}.${it}`
        assert.is(await migrate(mine), '', 'a fresh broker is no problem')
        assert.is(await migrate(mine), '', 'nor is a second run')

        await onChannel(url, async ({ channel }) => {
          await channel.unbindQueue(name('order.events'), name('EX_TOPIC'), 'update.stock')
          await channel.unbindExchange(name('EX_TOPIC'), name('EX_USER'), '')
        })
        const dry = await runMigrate(mine, '--dry-run')
        const missing = `binding of queue ${name('order.events')} to ${name('EX_TOPIC')} by 'update.stock' is missing`
        assert.match(dry.stdout, missing)
        const said = await migrate(mine)
        assert.is(said.trim().split('\n').length, 1, said)
        assert.match(said, missing, 'a dry run has not made it')
        assert.match(said, `binding of exchange ${name('EX_TOPIC')} to ${name('EX_USER')} by '' is missing`)
        assert.is(await migrate(mine), '', 'they were made')

        await onChannel(url, ({ channel }) => channel.bindQueue(name('user.events'), name('EX_TOPIC'), '#'))
        assert.match(await migrate(mine), `to ${name('EX_TOPIC')} by '#' is not in the topology`)
      }),
    ))
}

test.run()
