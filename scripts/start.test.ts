// limit: 240 s
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { withStoryPlace } from './story/testing/with-story-place.ts'
import { answers, type Place } from './testing/with-place.ts'

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
  [
    ...text.matchAll(
      /^ {3}(SUCCESS|FAILED \(\w+\)) after \d+ ms(?: \(the first order warms everything up; the next are faster\))?$/gm,
    ),
  ].map((it) => it[1])

/** Its service processes, a line each: process id, command, environment. */
const servicesOf = async ({ env }: Place): Promise<string[]> => {
  const { stdout } = await run('ps', ['-eo', 'pid,args', 'e'], { maxBuffer: 2 ** 26 })
  const own = `SAGA_NAMESPACE=${env.SAGA_NAMESPACE}`
  return stdout.split('\n').filter((line) => line.includes('/main.ts') && line.includes(own))
}

/** How a line of a user's shell ended, and what it said. */
const bash = (line: string, env: NodeJS.ProcessEnv) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) =>
    execFile('bash', ['-c', line], { cwd: projectRoot, env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    ),
  )

const kill = (child: ChildProcess) => {
  if (child.exitCode === null) child.kill('SIGKILL')
}

test('npm start -- --exit tells three orders as they happen, and ends with 0', () =>
  withStoryPlace(async (place) => {
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
    assert.match(
      heard.out,
      /FAILED \(out_of_stock\): undo what you did -> product, user \(nothing to undo\)\n/,
    )
    assert.is(heard.out.split('(nothing to undo)').length, 2, 'of the second order alone')
    assert.match(heard.out, /There is only 1\.\n/)
    assert.not.match(heard.talk, 'stopping servers', 'they were there before')
  }))

test('in RPC mode it tells who called whom, by how each order ended, with the one time it took', () =>
  withStoryPlace(async (place) => {
    const { heard, ended } = start({ ...place, env: { ...place.env, SAGA_MODE: 'rpc' } }, '--exit')
    const [code] = await ended
    assert.is(code, 0, `${heard.out}\n${heard.talk}`)
    assert.equal(endingOf(heard.out), ['SUCCESS', 'FAILED (out_of_stock)', 'FAILED (insufficient_balance)'])
    assert.equal(heard.out.match(/order called product.*/g), [
      'order called product; product called user, then order',
      'order called product, which refused; user was never called',
      'order called product; product called user, which refused; product gave the stock back',
    ])
    const answered = [...heard.out.matchAll(/(\d+) ms {2}client/g)].map((it) => it[1])
    assert.equal(
      [...heard.out.matchAll(/after (\d+) ms/g)].map((it) => it[1]),
      answered,
    )
  }))

test('npm start stays up, what it prints to try works, and Ctrl-C leaves no process and no port', () =>
  withStoryPlace(async (place) => {
    const { child, heard, ended } = start(place)
    try {
      await eventually(() => /Ctrl-C stops everything/.test(heard.out), { withinMs: 120_000 })
      const commands =
        heard.out.slice(heard.out.indexOf('Try next')).match(/^ {2}(?:curl|npm run)[\s\S]*?[^\\]$/gm) ?? []
      assert.ok(commands.length >= 9, heard.out)
      assert.not.match(heard.out, /_URL=/, 'the environment named the servers')
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
      assert.equal(await servicesOf(place), [])
    } finally {
      kill(child)
    }
  }))

test('beside another system on the same ports it starts nothing, and says what to do', () =>
  withStoryPlace(async (place) => {
    const other = createServer((_, response) => response.end('ok')).listen(place.base + 1, '127.0.0.1')
    await once(other, 'listening')
    try {
      const { heard, ended } = start(place, '--exit')
      const [code] = await ended
      assert.is(code, 69)
      assert.is(heard.out, '')
      assert.match(heard.talk, `port ${place.base + 1}, for the product service, is taken\nnext: stop`)
    } finally {
      other.close()
    }
  }))

test('a service that is killed ends the rest, with the place to look and the way to kill one alone', () =>
  withStoryPlace(async (place) => {
    const { child, heard, ended } = start(place)
    try {
      await eventually(() => /Ctrl-C stops everything/.test(heard.out), { withinMs: 120_000 })
      const [product] = (await servicesOf(place)).filter((it) => it.includes('services/product/main.ts'))
      process.kill(Number(product?.trim().split(' ')[0]), 'SIGKILL')
      assert.is((await ended)[0], 1)
      assert.match(
        heard.talk,
        `the product service ended by itself, so everything stops; see .data/logs/${place.env.SAGA_NAMESPACE}_product.log\n` +
          'next: npm run order, product and user in three terminals, to kill one alone\n',
      )
    } finally {
      kill(child)
    }
  }))

test('a service that does not get ready ends the rest, with the place to look', () =>
  withStoryPlace(async (place) => {
    // Reserved for documents: nobody can listen there.
    const broken = { ...place, env: { ...place.env, HOST: '192.0.2.1' } }
    const { heard, ended } = start(broken, '--exit')
    const [code] = await ended
    assert.is(code, 1)
    const [, service] = /the (\w+) service did not get ready/.exec(heard.talk) ?? []
    assert.match(heard.talk, `the end of its log (.data/logs/${place.env.SAGA_NAMESPACE}_${service}.log): `)
    assert.match(heard.talk, /EADDRNOTAVAIL/, heard.talk)
  }))

test('what the services could not read ends it with 78, before a server is looked for', () =>
  withStoryPlace(async (place) => {
    const env = {
      ...place.env,
      POSTGRES_URL: 'postgres://me@127.0.0.1:1',
      AMQP_URL: '',
      SAGA_MODE: 'foo',
      PORT: '-',
    }
    for (const command of ['start', 'service order', 'relay order']) {
      const told = await bash(`node scripts/run.mjs ${command}`, env)
      assert.is(told.code, 78, command)
      assert.is(
        told.err,
        'the environment is not usable:\n' +
          '  SAGA_MODE: must be one of choreography, rpc\n' +
          '  PORT: must be a whole number from 0 to 65535\n' +
          'next: correct it; docs/environment.md says what each key takes\n',
      )
    }
  }))

test('when nobody reads what it says any more, it stops in order', () =>
  withStoryPlace(async (place) => {
    const npmStart = `node scripts/run.mjs start --port-base ${place.base}`
    const told = await bash(`${npmStart} | head -3; exit \${PIPESTATUS[0]}`, place.env)
    assert.is(told.code, 130, told.err)
    assert.match(told.err, /\nstopping observer\nstopping services\n$/)
    assert.not.match(told.err, 'EPIPE')
    assert.equal(await servicesOf(place), [])
  }))

test('ended while it installs, run.mjs leaves no npm behind that would disturb the next run, and no lock', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'interrupted-'))
  try {
    await mkdir(join(folder, 'scripts'))
    await copyFile(join(projectRoot, 'scripts/run.mjs'), join(folder, 'scripts/run.mjs'))
    await writeFile(join(folder, 'scripts/start.ts'), '')
    // Like npm in the middle of its work, it does not end by these signals.
    const npm = `process.on('SIGINT', () => {}).on('SIGTERM', () => {})
      require('fs').writeFileSync('npm.pid', String(process.pid))
      setInterval(() => {}, 1000)`
    await writeFile(join(folder, 'npm.cjs'), npm)
    const env = { ...process.env, npm_execpath: join(folder, 'npm.cjs') }
    const pidOfNpm = async () => Number(await readFile(join(folder, 'npm.pid'), 'utf8')) || undefined
    const state = (pid: number) =>
      run('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({ stdout: 'Z' }))
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
      const args = ['scripts/run.mjs', 'start']
      const child = spawn(process.execPath, args, { cwd: folder, env, stdio: 'ignore' })
      const ended = once(child, 'exit')
      const pid = await eventually(pidOfNpm)
      child.kill(signal)
      assert.is((await ended)[0], signal === 'SIGKILL' ? null : 130, signal)
      await eventually(async () => (await state(pid)).stdout.startsWith('Z'))
      await rm(join(folder, 'npm.pid'))
      if (signal !== 'SIGKILL') assert.equal(await readdir(join(folder, '.data')), [])
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('run.mjs names the commands: to who asks on stdout, to who is wrong on stderr', async () => {
  const asked = await bash('node scripts/run.mjs --help', process.env)
  assert.equal([asked.code, asked.err], [0, ''])
  assert.match(asked.out, /^usage: node scripts\/run\.mjs <audit \| .* \| start \| test> \[arguments\]\n/)
  const wrong = await bash('node scripts/run.mjs foo', process.env)
  assert.equal([wrong.code, wrong.out], [2, ''])
  assert.match(wrong.err, /^unknown command: foo\nusage: /)
  for (const usage of [
    'generate --foo',
    'test no-such-file',
    'test --proofs no-such-file',
    'matrix no-such-point',
  ]) {
    const { code, err } = await bash(`node scripts/run.mjs ${usage}`, process.env)
    assert.is(code, 2, usage)
    assert.match(err, /\n\(--help shows what there is\)\n$/)
  }
})

test.run()
