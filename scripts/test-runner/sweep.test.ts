import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { eventually, leftBehind, testServers, withDatabase } from '../../shared/testing/index.ts'
import { projectRoot } from '../infra/index.ts'
import { sweep } from './index.ts'

const exists = (name: string) =>
  withClient(databaseOf(testServers().postgresUrl, 'postgres'), async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    return rowCount === 1
  })

const program = `
  const { withDatabase } = await import('./shared/testing/index.ts')
  await withDatabase('user', ({ name }) => { console.log(name); return new Promise(() => setInterval(() => {}, 1000)) })
`

test('what a killed test left behind is removed by the next run; what a running one uses stays', () =>
  withDatabase('user', async (mine) => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    const name = said.toString().trim()
    assert.ok(await exists(name))
    child.kill('SIGKILL')
    await eventually(() => leftBehind().some((made) => made.name === name))
    const { postgresUrl, amqpUrl } = testServers()
    await sweep({ postgresUrl, amqpUrl, kinds: {}, stop: async () => {} }, () => {})
    assert.not(await exists(name))
    assert.not(leftBehind().some((made) => made.name === name))
    assert.ok(await exists(mine.name))
  }))

test.run()
