// limit: 300 s
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'
import { commandEnv, seedRows, withStage } from './testing/with-stage.ts'

const commandsIn = (page: string): string[] =>
  [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap((block) => block[1]!.trim().split('\n'))

const letter = '01900000-0000-7000-8000-000000000001'

/** Through scripts/run.mjs, which is what npm runs. */
const run = (command: string, env: Record<string, string>) =>
  new Promise<{ code: number; said: string }>((resolve) => {
    const [, name, args = ''] = /^npm run (\S+)(?: -- (.*))?$/.exec(command) ?? []
    const words = ['scripts/run.mjs', name!, ...args.split(' ').filter(Boolean)]
    execFile(process.execPath, words, { env, cwd: projectRoot }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    )
  })

test('every command of the page does what it is for', () =>
  withStage(async (stage) => {
    const commands = commandsIn(await readFile(join(projectRoot, 'docs/outbox-commands.md'), 'utf8'))
    assert.ok(commands.length > 15)
    await seedRows(stage, 'order', [{ type: 'OrderFailed' }, {}, { state: 'parked' }])
    const headers = { 'x-reason-code': 'retries.exhausted', 'x-reason': 'no' }
    await stage.broker.publish({
      routingKey: stage.name('user.events.dead'),
      body: {},
      properties: { messageId: letter, headers },
    })
    const env = commandEnv(stage.namespace, stage.amqpUrl)
    for (const command of commands) {
      const { code, said } = await run(command, env)
      // What is published is listed as missing until it is repaired.
      assert.is(code, command.endsWith('reconcile') ? 4 : 0, `${command}\n${said}`)
      if (command.endsWith('dead redrive --reason retries.exhausted'))
        await stage.broker.publish({
          routingKey: stage.name('user.events.dead'),
          body: {},
          properties: { messageId: letter, headers },
        })
    }
    assert.is(await stage.broker.count(stage.name('user.events.dead')), 0)
  }))

test('every command is on the page', async () => {
  const page = await readFile(join(projectRoot, 'docs/outbox-commands.md'), 'utf8')
  for (const name of [
    'status',
    'replay',
    'runs',
    'retry',
    'prune',
    'reconcile',
    'dead list',
    'dead show',
    'dead redrive',
    'dead drop',
  ])
    assert.match(page, `npm run outbox -- ${name}`)
})

test.run()
