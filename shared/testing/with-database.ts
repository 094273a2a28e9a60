import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Client } from 'pg'
import type { ServiceName } from '../contracts/index.ts'
import { databaseOf, migrateDatabase, readMigrations, withClient } from '../database/migrations/index.ts'
import { noteMade, strikeOut } from './notebook.ts'
import { testServers } from './servers.ts'

const migrationsOf = (service: ServiceName): string =>
  join(import.meta.dirname, '../../prisma', service, 'migrations')

/** Two test files that want a database at once take turns; a copy takes some 50 ms. */
const templateLock = 5_318_008

/**
 * Runs `use` with a fresh, migrated database of that service, dropped afterwards:
 * `test('..', () => withDatabase('order', async ({ url }) => ..))`.
 */
export async function withDatabase<Result>(
  service: ServiceName,
  use: (database: { url: string; name: string }) => Promise<Result>,
): Promise<Result> {
  const server = testServers().postgresUrl
  const name = `saga_test_${service}_${randomBytes(6).toString('hex')}`
  noteMade({ kind: 'database', name })
  await withClient(databaseOf(server, 'postgres'), async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [templateLock])
    const template = await ensureTemplate(client, server, service)
    await client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`)
  })
  try {
    return await use({ url: databaseOf(server, name), name })
  } finally {
    await withClient(databaseOf(server, 'postgres'), (client) =>
      client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
    )
    strikeOut({ kind: 'database', name })
  }
}

/** One migrated database per service and state of its migrations, kept for the next run; copies are made from it. */
async function ensureTemplate(client: Client, server: string, service: ServiceName): Promise<string> {
  const directory = migrationsOf(service)
  const checksums = (await readMigrations(directory)).map((migration) => migration.checksum)
  const hash = createHash('sha256').update(checksums.join()).digest('hex').slice(0, 12)
  const prefix = `saga_template_${service}_`
  const found = await client.query<{ datname: string; datistemplate: boolean }>(
    'SELECT datname, datistemplate FROM pg_database WHERE starts_with(datname, $1)',
    [prefix],
  )
  const template = `${prefix}${hash}`
  if (found.rows.some((row) => row.datname === template && row.datistemplate)) return template
  for (const { datname } of found.rows) await dropTemplate(client, datname)
  await migrateDatabase({ url: databaseOf(server, template), directory })
  // Marked last: a database without the mark was left half made, and is made again.
  await client.query(`ALTER DATABASE "${template}" IS_TEMPLATE true`)
  return template
}

async function dropTemplate(client: Client, name: string): Promise<void> {
  await client.query(`ALTER DATABASE "${name}" IS_TEMPLATE false`)
  await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
}
