// limit: 240 s
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { eventually, skipTest, testServers } from '../../shared/testing/index.ts'
import { findPostgresBinaries, findRabbitServer } from './binaries.ts'
import { freePort, projectRoot, startPrivatePostgres, startPrivateRabbit } from './index.ts'
import { unprivilegedUser } from './own-place.ts'
import { whyNotPostgres, whyNotRabbit } from './probe.ts'

const run = promisify(execFile)

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'servers-'))
  const user = unprivilegedUser()
  // PostgreSQL's user must be able to enter it.
  await run('chmod', ['755', folder])
  if (user) await run('chown', [`${user.uid}:${user.gid}`, folder])
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const migrate = (env: Record<string, string>): Promise<{ code: number; stderr: string }> =>
  run(process.execPath, ['scripts/run.mjs', 'migrate', '--dry-run'], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
  }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  )

test('a server that is named and does not answer ends in one line, the next step on another, and exit 69', async () => {
  const nobody = `127.0.0.1:${await freePort()}`
  const postgres = await migrate({ POSTGRES_URL: `postgres://me:secret@${nobody}` })
  assert.is(postgres.code, 69)
  assert.match(postgres.stderr, /^PostgreSQL named in POSTGRES_URL does not answer .+\nnext: .+\n$/)
  assert.not.match(postgres.stderr, /secret/)
  const rabbit = await migrate({ AMQP_URL: `amqp://me:secret@${nobody}` })
  assert.is(rabbit.code, 69)
  assert.match(rabbit.stderr, /^RabbitMQ named in AMQP_URL does not answer .+\nnext: .+\n$/)
  assert.not.match(rabbit.stderr, /secret/)
})

test('a server that is named with a user who may not create databases is not said to be silent', async () => {
  const { postgresUrl } = testServers()
  const role = `limited_${randomUUID().slice(0, 8)}`
  const asOwner = (sql: string) => withClient(postgresUrl, (client) => client.query(sql))
  await asOwner(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  try {
    const url = new URL(postgresUrl)
    url.username = role
    url.password = 'secret'
    const { code, stderr } = await migrate({ POSTGRES_URL: url.href })
    assert.is(code, 69)
    assert.match(stderr, /^The user named in POSTGRES_URL may not create databases\nnext: .+\n$/)
  } finally {
    await asOwner(`DROP ROLE ${role}`)
  }
})

test('a server that is named by what is no URL of it ends in 78, and a password in it is not printed', async () => {
  const wrong = {
    POSTGRES_URL: ['nonsense', 'mysql://me:secret@127.0.0.1:5432', 'postgres://me:secret%zz@127.0.0.1:5432'],
    AMQP_URL: ['nonsense', 'http://me:secret@127.0.0.1:5672', 'amqp://me:secret%zz@127.0.0.1:5672'],
  }
  for (const [key, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { code, stderr } = await migrate({ [key]: value })
      assert.is(code, 78, value)
      assert.match(
        stderr,
        new RegExp(`^the environment is not usable:\\n  ${key}: must be a URL like .+\\nnext: .+\\n$`),
      )
      assert.not.match(stderr, /secret|nonsense/)
    }
  }
})

test('a POSTGRES_URL that names a database which is not there is told to leave it out', async () => {
  const { code, stderr } = await migrate({
    POSTGRES_URL: databaseOf(testServers().postgresUrl, 'saga_nowhere'),
  })
  assert.is(code, 69)
  assert.match(
    stderr,
    /"saga_nowhere" does not exist\)\nnext: POSTGRES_URL names the server: leave out \/saga_nowhere,/,
  )
})

if (findPostgresBinaries() === undefined) skipTest(test, 'private PostgreSQL', 'no binaries on this machine')
else {
  test('a private PostgreSQL keeps its data and its port over kill -9, and is gone when it is stopped', () =>
    withFolder(async (folder) => {
      const server = await startPrivatePostgres({ dataDir: join(folder, 'postgres') })
      try {
        const before = server.pid
        await withClient(server.url, (client) => client.query('CREATE TABLE kept AS SELECT 42 AS n'))
        await server.kill()
        assert.ok(await whyNotPostgres(server.url))
        await server.restart()
        assert.is.not(server.pid, before)
        const { rows } = await withClient(server.url, (client) => client.query('SELECT n FROM kept'))
        assert.equal(rows, [{ n: 42 }])
      } finally {
        await server.stop()
      }
      assert.ok(await whyNotPostgres(server.url))
    }))

  test('a server that asks for a password the URL has not says so', () =>
    withFolder(async (folder) => {
      const rules = join(folder, 'pg_hba.conf')
      await writeFile(
        rules,
        'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
      )
      await run('chmod', ['644', rules])
      const server = await startPrivatePostgres({
        dataDir: join(folder, 'postgres'),
        settings: [`hba_file=${rules}`],
      })
      try {
        await withClient(server.url, (client) => client.query(`CREATE ROLE app LOGIN PASSWORD 'secret'`))
        const url = server.url.replace('postgres@', 'app@')
        const thrown = await withClient(url, async () => {}).catch((error) => error)
        assert.is(thrown.code, 'postgres.unavailable')
        assert.match(
          thrown.message,
          /^PostgreSQL at 127\.0\.0\.1:\d+: it asks for a password, and the URL has none$/,
        )
      } finally {
        await server.stop()
      }
    }))

  test('a private server does not outlive the process that started it', () =>
    withFolder(async (folder) => {
      const script = `import { startPrivatePostgres } from '${projectRoot}/scripts/infra/index.ts'
        const server = await startPrivatePostgres({ dataDir: '${folder}/postgres' })
        console.log(server.url)
        setInterval(() => {}, 1000)`
      const args = ['--import', 'tsx', '--input-type=module', '-e', script]
      const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (chunk) => {
        said += chunk
      })
      const url = await eventually(() => said.includes('\n') && said.trim(), { withinMs: 30_000 })
      assert.is(await whyNotPostgres(url), undefined)
      child.kill('SIGKILL')
      assert.ok(await eventually(() => whyNotPostgres(url)))
    }))
}

if (findRabbitServer() === undefined) skipTest(test, 'private RabbitMQ', 'no RabbitMQ on this machine')
else {
  test('a private RabbitMQ comes back on the same port after kill -9, and is gone when it is stopped', () =>
    withFolder(async (folder) => {
      const server = await startPrivateRabbit({ dataDir: join(folder, 'rabbitmq'), config: 'heartbeat = 20' })
      try {
        await server.kill()
        assert.ok(await whyNotRabbit(server.url))
        await server.restart()
        assert.is(await whyNotRabbit(server.url), undefined)
      } finally {
        await server.stop()
      }
      assert.ok(await whyNotRabbit(server.url))
    }))
}

test.run()
