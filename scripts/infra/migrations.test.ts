import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../shared/contracts/index.ts'
import {
  databaseOf,
  ensureDatabase,
  migrateDatabase,
  readMigrations,
  withClient,
} from '../../shared/database/migrations/index.ts'
import { testServers, withDatabase } from '../../shared/testing/index.ts'
import { sqlFromEmpty } from './schema-diff.ts'
import { composeSchema, migrationsOf } from './schemas.ts'

const server = databaseOf(testServers().postgresUrl, 'postgres')

async function withEmptyDatabase(use: (url: string) => Promise<void>): Promise<void> {
  const name = `saga_test_empty_${process.pid}_${Date.now()}`
  const url = databaseOf(server, name)
  try {
    await use(url)
  } finally {
    await withClient(server, (client) => client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`))
  }
}

async function withCopyOf(directory: string, use: (copy: string) => Promise<void>): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), 'migrations-'))
  try {
    await cp(directory, copy, { recursive: true })
    await use(copy)
  } finally {
    await rm(copy, { recursive: true })
  }
}

const columnsOf = (url: string): Promise<unknown[]> =>
  withClient(url, async (client) => {
    const { rows } = await client.query(
      `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`,
    )
    return rows
  })

/** Hand-written: what Prisma can't express. */
const guards = '20261122000100_guards'
const statementsOf = (sql: string): string[] =>
  sql
    .trim()
    .split(/\n(?=-- )/)
    .map((it) => it.trim())
    .sort()

test('the migrations of each service, but for the guards, are what Prisma derives from its schema', async () => {
  const schemas = await Promise.all(services.map(composeSchema))
  const expected = await sqlFromEmpty(schemas, server)
  for (const [index, service] of services.entries()) {
    const derived = (await readMigrations(migrationsOf(service))).filter(({ name }) => name !== guards)
    assert.equal(
      derived.flatMap(({ sql }) => statementsOf(sql)).sort(),
      statementsOf(expected[index] ?? ''),
      service,
    )
  }
})

for (const service of services) {
  test(`${service}: the guards add no table and no column`, () =>
    withEmptyDatabase(async (url) => {
      await withCopyOf(migrationsOf(service), async (copy) => {
        await rm(join(copy, '20261122000100_guards'), { recursive: true })
        await migrateDatabase({ url, directory: copy })
      })
      const before = await columnsOf(url)
      await migrateDatabase({ url, directory: migrationsOf(service) })
      assert.ok(before.length > 20)
      assert.equal(await columnsOf(url), before)
    }))
}

test('a missing database is created, a second run changes nothing, and a dry run nothing at all', () =>
  withEmptyDatabase(async (url) => {
    const directory = migrationsOf('order')
    const names = (await readMigrations(directory)).map(({ name }) => name)
    assert.equal(await migrateDatabase({ url, directory, dryRun: true }), {
      created: true,
      applied: names,
      present: [],
    })
    assert.equal(await migrateDatabase({ url, directory }), { created: true, applied: names, present: [] })
    assert.equal(await migrateDatabase({ url, directory }), { created: false, applied: [], present: names })
  }))

test('runners at the same moment do not collide', () =>
  withEmptyDatabase(async (url) => {
    const directory = migrationsOf('user')
    const runs = await Promise.all([1, 2, 3].map(() => migrateDatabase({ url, directory })))
    assert.is(runs.filter(({ created }) => created).length, 1)
    assert.is(runs.flatMap(({ applied }) => applied).length, (await readMigrations(directory)).length)
  }))

test('an applied migration that was changed is refused in one line', () =>
  withDatabase('product', ({ url }) =>
    withCopyOf(migrationsOf('product'), async (copy) => {
      const file = join(copy, '20261122000100_guards/migration.sql')
      await writeFile(file, `${await readFile(file, 'utf8')}\n-- a second thought\n`)
      const error = await migrateDatabase({ url, directory: copy }).then(
        () => undefined,
        (thrown: Error) => thrown,
      )
      assert.match(
        error?.message ?? '',
        /^migration 20261122000100_guards was changed after it was applied: .+$/,
      )
    }),
  ))

test('a migration that fails leaves nothing, and the ones before it stay', () =>
  withEmptyDatabase(async (url) => {
    await ensureDatabase(url)
    await withCopyOf(migrationsOf('order'), async (copy) => {
      const file = join(copy, '20261122000100_guards/migration.sql')
      await writeFile(file, 'CREATE TABLE half (id int); SELECT 1 / 0;')
      const error = await migrateDatabase({ url, directory: copy }).catch((thrown: Error) => thrown)
      assert.match(String(error), /20261122000100_guards failed and was undone: division by zero/)
    })
    const tables = await withClient(url, (client) => client.query("SELECT to_regclass('half') AS half"))
    assert.is(tables.rows[0].half, null)
    const { applied } = await migrateDatabase({ url, directory: migrationsOf('order') })
    assert.is(applied[0], guards)
  }))

test('the history is in the form that Prisma writes', () =>
  withDatabase('order', async ({ url }) => {
    const [init] = await readMigrations(migrationsOf('order'))
    const { rows } = await withClient(url, (client) =>
      client.query('SELECT * FROM "_prisma_migrations" ORDER BY migration_name LIMIT 1'),
    )
    const [row] = rows
    assert.is(row.checksum, init?.checksum)
    assert.match(row.id, /^[0-9a-f-]{36}$/)
    assert.is(row.applied_steps_count, 1)
    assert.ok(row.finished_at >= row.started_at)
    assert.equal([row.logs, row.rolled_back_at], [null, null])
  }))

test.run()
