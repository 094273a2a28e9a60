import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { withClient, withOutbox } from './testing/with-outbox.ts'

const run = promisify(execFile)
const here = import.meta.dirname
const root = join(here, '../..')

const blocksOf = async (language: string): Promise<string> => {
  const readme = await readFile(join(here, 'README.md'), 'utf8')
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))]
    .map((match) => match[1])
    .join('\n')
}

/** An empty project that knows only the packages, with a copy of this folder. */
const withProject = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'outbox-example-'))
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{"type": "module"}')
    await writeFile(join(folder, 'tsconfig.json'), await blocksOf('json'))
    await writeFile(join(folder, 'schema.prisma'), await blocksOf('prisma'))
    await writeFile(join(folder, 'app.ts'), await blocksOf('ts'))
    const files = (await readdir(here)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    for (const name of files) await cp(join(here, name), join(folder, 'outbox', name))
    await run(
      process.execPath,
      [join(root, 'node_modules/prisma/build/index.js'), 'generate', '--no-hints'],
      {
        cwd: folder,
        env: {
          ...process.env,
          PRISMA_SCHEMA_ENGINE_BINARY: join(root, 'scripts/infra/schema-engine-stub.sh'),
          PRISMA_HIDE_UPDATE_MESSAGE: '1',
          CHECKPOINT_DISABLE: '1',
        },
      },
    )
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const withTables = (use: (url: string) => Promise<void>) =>
  withOutbox(async ({ url, client }) => {
    const name = `outbox_example_${randomUUID().slice(0, 8)}`
    await client.query(`create database ${name}`)
    const own = new URL(url)
    own.pathname = `/${name}`
    try {
      await withClient(own.toString(), async (empty) => {
        await empty.query(await blocksOf('sql'))
        await empty.query('create table notes (id uuid primary key, text text not null)')
      })
      await use(own.toString())
    } finally {
      await client.query(`drop database ${name} with (force)`)
    }
  })

/** Runs the project's program until its event is marked as published, has it end by SIGTERM, and returns what it said. */
const runUntilPublished = async (folder: string, url: string): Promise<string> => {
  const app = spawn(process.execPath, ['--import', 'tsx', 'app.ts'], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: url },
  })
  let output = ''
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (text) => (output += text))
  try {
    await withClient(url, (client) =>
      eventually(
        async () => {
          const { rowCount } = await client.query('select from outbox where published_at is not null')
          if (rowCount !== 1 || !output.includes('heard')) throw new Error(output)
          return true
        },
        { withinMs: 20_000 },
      ),
    )
    app.kill('SIGTERM')
    assert.equal(await once(app, 'exit'), [0, null])
  } finally {
    app.kill('SIGKILL')
  }
  return output
}

test('the lines of the README compile and run with a copy of this folder, in a project of its own', () =>
  withTables((url) =>
    withProject(async (folder) => {
      const compiler = join(root, 'node_modules/typescript/bin/tsc')
      await run(process.execPath, [compiler, '-p', folder], { cwd: folder }).catch((error) =>
        assert.unreachable(error.stdout),
      )
      const output = await runUntilPublished(folder, url)
      assert.match(output, /^EX_NOTE note\.written \{"id": "[0-9a-f-]{36}", "text": "milk"\}$/m)
      assert.is(output.split('heard NoteWritten').length, 2)
    }),
  ))

test('the code of the README is twenty lines for what goes out', async () => {
  const code = (await blocksOf('ts')).split('process.once')[0]!
  const lines = code.split('\n').filter((line) => line !== '' && !line.startsWith('//'))
  assert.ok(lines.length <= 20, `${lines.length} lines`)
})

/** Columns, and the indexes that claims and pruning rely on. */
const shapeOf = async (url: string) =>
  withClient(url, async (client) => {
    const columns = await client.query(
      `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
       where table_name in ('outbox', 'inbox') order by 1, ordinal_position`,
    )
    const indexes = await client.query(
      `select indexdef from pg_indexes where indexname in ('outbox_waiting_idx', 'outbox_parked_idx', 'inbox_handled_at_idx') order by 1`,
    )
    return { columns: columns.rows, indexes: indexes.rows }
  })

test('the SQL of the README makes the same tables as the migrations', () =>
  withOutbox(({ url }) =>
    withTables(async (own) => {
      const shape = await shapeOf(own)
      assert.is(shape.indexes.length, 3)
      assert.equal(shape, await shapeOf(url))
    }),
  ))

test.run()
