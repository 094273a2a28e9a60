// limit: 240 s
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { answers, type Place, withPlace } from './testing/with-place.ts'

const run = promisify(execFile)

const start = ({ env, base }: Place, ...flags: string[]) => {
  const args = ['scripts/run.mjs', 'start', '--port-base', String(base), ...flags]
  const child = spawn(process.execPath, args, { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = { out: '', talk: '' }
  child.stdout.on('data', (data) => {
    heard.out += data
  })
  child.stderr.on('data', (data) => {
    heard.talk += data
  })
  return { child, heard, ended: once(child, 'exit') as Promise<[number | null]> }
}

const endingOf = (text: string) =>
  [...text.matchAll(/^ {3}(SUCCESS|FAILED \(\w+\)) after \d+ ms$/gm)].map((it) => it[1])

const kill = (child: ChildProcess) => {
  if (child.exitCode === null) child.kill('SIGKILL')
}

test('npm start -- --exit tells three orders as they happen, and ends with 0', () =>
  withPlace(async (place) => {
    const { heard, ended } = start(place, '--exit')
    const [code] = await ended
    assert.is(code, 0, `${heard.out}\n${heard.talk}`)
    assert.equal(endingOf(heard.out), ['SUCCESS', 'FAILED (out_of_stock)', 'FAILED (insufficient_balance)'])
    const told = [...heard.out.matchAll(/ms {2}\w+ +(\w+)/g)].map((it) => it[1])
    assert.equal(
      told.filter((it) => /^[A-Z][a-z]/.test(String(it))),
      [
        ...['OrderPlaced', 'StockReserved', 'BalanceDebited', 'OrderSucceeded'],
        ...['OrderPlaced', 'StockRejected', 'OrderFailed'],
        ...['OrderPlaced', 'StockReserved', 'BalanceRejected', 'OrderFailed', 'StockReleased'],
      ],
    )
    assert.match(heard.out, /compensated: what was reserved is back in stock/)
  }))

test('npm start stays up, what it prints to try works, and Ctrl-C leaves no process and no port', () =>
  withPlace(async (place) => {
    const { child, heard, ended } = start(place)
    try {
      await eventually(() => /Ctrl-C stops everything/.test(heard.out), { withinMs: 120_000 })
      const commands =
        heard.out.slice(heard.out.indexOf('Try next')).match(/^ {2}(?:curl|npm run)[\s\S]*?[^\\]$/gm) ?? []
      assert.ok(commands.length >= 9, heard.out)
      for (const command of commands) {
        const { stdout } = await run('bash', ['-c', command.replace('curl -s', 'curl -sS --fail')], {
          cwd: projectRoot,
          env: place.env,
        })
        assert.ok(stdout.length > 0, command)
      }
      const begun = performance.now()
      child.kill('SIGINT')
      const [code] = await ended
      assert.is(code, 0, heard.talk)
      assert.ok(performance.now() - begun < 10_000, 'within ten seconds')
      for (const port of [place.base, place.base + 1, place.base + 2]) assert.is(await answers(port), false)
      const { stdout: left } = await run('ps', ['-eo', 'args', 'e'])
      const own = `SAGA_NAMESPACE=${place.env.SAGA_NAMESPACE}`
      assert.not.match(
        left
          .split('\n')
          .filter((line) => line.includes('/main.ts'))
          .join('\n'),
        new RegExp(own),
      )
    } finally {
      kill(child)
    }
  }))

test('beside another system on the same ports it starts nothing, and says what to do', () =>
  withPlace(async (place) => {
    const other = createServer((_, response) => response.end('ok')).listen(place.base + 1, '127.0.0.1')
    await once(other, 'listening')
    try {
      const { heard, ended } = start(place, '--exit')
      const [code] = await ended
      assert.is(code, 69)
      assert.is(heard.out, '')
      assert.match(heard.talk, `port ${place.base + 1}, for the product service, is taken: stop`)
    } finally {
      other.close()
    }
  }))

test('a service that ends by itself ends the rest, with the place to look', () =>
  withPlace(async (place) => {
    const broken = { ...place, env: { ...place.env, ORDER_DEADLINE_MS: 'soon' } }
    const { heard, ended } = start(broken, '--exit')
    const [code] = await ended
    assert.is(code, 1)
    assert.match(heard.talk, /the \w+ service did not get ready; the end of its log \(\.data\/logs\):/)
    assert.match(heard.talk, /ORDER_DEADLINE_MS: must be a whole number/)
  }))

test.run()
