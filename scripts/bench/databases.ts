import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { databaseOf, migrateDatabase, withClient } from '../../shared/database/migrations/index.ts'
import { migrationsOf } from '../infra/index.ts'
import type { Scene } from './scene.ts'

export interface Filling {
  /** What is in it: rounds with the same name get copies of the same database. */
  name: string
  /** With the tables of this service, or empty. */
  service?: 'order' | 'product' | 'user'
  fill(client: Client): Promise<void>
}

type Place = Pick<Scene, 'postgresUrl' | 'namespace'>

/** Runs `use` on a database of its own, a copy of one that was filled once; the copy is dropped afterwards. */
export const withFilled = async <Result>(
  place: Place,
  filling: Filling,
  use: (url: string) => Promise<Result>,
): Promise<Result> => {
  const { postgresUrl, namespace } = place
  const template = await ensureFilled(place, filling)
  const name = `${namespace}_${randomBytes(4).toString('hex')}`
  await copyDatabase(postgresUrl, template, name)
  try {
    return await use(databaseOf(postgresUrl, name))
  } finally {
    await onServer(postgresUrl, `drop database if exists "${name}" with (force)`)
  }
}

/**
 * File by file: from PostgreSQL 15 on a copy goes page by page through log and memory unless that is said, and what is measured next
 * pays for it.
 */
const copyDatabase = (postgresUrl: string, template: string, name: string) =>
  withClient(postgresUrl, async (client) => {
    const { rows } = await client.query<{ byPage: boolean }>(
      `select current_setting('server_version_num')::int >= 150000 as "byPage"`,
    )
    const strategy = rows[0]?.byPage ? 'strategy file_copy' : ''
    await client.query(`create database "${name}" template "${template}" ${strategy}`)
    await client.query('checkpoint')
  })

const onServer = (postgresUrl: string, ...statements: string[]) =>
  withClient(postgresUrl, async (client) => {
    for (const statement of statements) await client.query(statement)
  })

const ensureFilled = async (
  { postgresUrl, namespace }: Place,
  { name, service, fill }: Filling,
): Promise<string> => {
  const template = `${namespace}_of_${name}`
  const there = await withClient(postgresUrl, (client) =>
    client.query('select from pg_database where datname = $1', [template]),
  )
  if (there.rowCount === 1) return template
  const half = `${template}_half`
  const url = databaseOf(postgresUrl, half)
  if (service === undefined) await onServer(postgresUrl, `create database "${half}"`)
  else await migrateDatabase({ url, directory: migrationsOf(service) })
  await withClient(url, async (client) => {
    await fill(client)
    await analyzeFilled(client)
  })
  await onServer(postgresUrl, `alter database "${half}" rename to "${template}"`)
  return template
}

/** Tables that hold something. Statistics that call a table empty make plans that read all of it, also when it has grown. */
const analyzeFilled = async (client: Client): Promise<void> => {
  const { rows } = await client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace and pg_relation_size(oid) > 0`,
  )
  for (const { name } of rows) await client.query(`vacuum analyze ${name}`)
}
