// limit: 180 s
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { environment } from '../shared/config/index.ts'
import { eventually, skipTest } from '../shared/testing/index.ts'
import { openFolder } from './compare/folder.ts'
import { madeUpResults, madeUpSettings } from './compare/testing/made-up-results.ts'
import { findRabbitServer, projectRoot } from './infra/index.ts'

const env = environment({ INIT_CWD: projectRoot })
const compare = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['scripts/run.mjs', 'compare', ...args], { cwd: projectRoot, env })

test('--help names the fault profiles', async () => {
  const { stdout } = await compare('--help')
  assert.match(stdout.replaceAll(/\s+/g, ' '), /what goes wrong: none, .*kill-user.*, or a JSON file/)
})

test('wrong usage is one sentence, the next step after it, and exit 2', async () => {
  const none = await compare('--orders', '0').catch((error) => error)
  assert.is(none.code, 2)
  assert.match(none.stderr, "argument '0' is invalid. It must be a whole number from 1 on.")
  const fault = await compare('--fault', 'flood').catch((error) => error)
  assert.is(fault.code, 2)
  assert.match(fault.stderr, /^there is no fault profile flood; .*\nnext: write it like this: \{/)
})

if (findRabbitServer() === undefined)
  skipTest(test, 'an interrupted comparison', 'no RabbitMQ on this machine')
else {
  test('interrupted, it prints the command that goes on with what is left', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'comparison-')), 'kill user')
    await openFolder(path).begin(
      madeUpSettings({ orders: 60 }),
      madeUpResults({ orders: 10, rounds: 1 }).machine,
    )
    const args = ['scripts/run.mjs', 'compare', '--resume', path]
    const child = spawn(process.execPath, args, {
      cwd: projectRoot,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(child, 'exit')
    let talk = ''
    child.stderr.on('data', (data) => {
      talk += data
    })
    try {
      await eventually(() => talk.includes('starting a PostgreSQL'), { withinMs: 30_000 })
      child.kill('SIGINT')
      assert.is((await ended)[0], 130, talk)
      assert.match(
        talk,
        `\ninterrupted\nnext: npm run compare -- --resume '${relative(projectRoot, path)}'\n`,
      )
    } finally {
      child.kill('SIGKILL')
      await rm(join(path, '..'), { recursive: true, force: true })
    }
  })
}

test.run()
