// limit: 180 s
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { withStoryPlace } from './story/testing/with-story-place.ts'
import type { Place } from './testing/with-place.ts'

const spawned = ({ env }: Place, ...args: string[]) => {
  const child = spawn(process.execPath, ['scripts/run.mjs', ...args], {
    cwd: projectRoot,
    env: { ...env, AMQP_URL: String(env.AMQP_URL) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const heard = { out: '', talk: '' }
  child.stdout.on('data', (data) => {
    heard.out += data
  })
  child.stderr.on('data', (data) => {
    heard.talk += data
  })
  return { child, heard }
}

type Spawned = ReturnType<typeof spawned>

const finished = async (child: ChildProcess) =>
  child.exitCode === null ? (await once(child, 'exit'))[0] : child.exitCode

const linesOf = ({ heard }: Spawned) => heard.out.split('\n').slice(0, -1)

/** Observers that watch before `use` begins, and end on Ctrl-C when it is done. */
const withObservers = async (
  place: Place,
  commands: readonly (readonly string[])[],
  use: (observers: Spawned[]) => Promise<void>,
) => {
  const observers = commands.map((args) => spawned(place, 'observe', ...args))
  try {
    for (const { heard } of observers) {
      await eventually(() => heard.talk.includes('watching'), { withinMs: 30_000 })
    }
    await use(observers)
    for (const { child } of observers) {
      child.kill('SIGINT')
      assert.is(await finished(child), 0)
    }
  } finally {
    for (const { child } of observers) child.kill('SIGKILL')
  }
}

/** Each observer prints in its own time: that one has printed all says nothing of the other. */
const says = (types: () => (string | undefined)[], expected: readonly string[]) =>
  eventually(() => {
    assert.equal(types(), expected)
    return true
  })

const ofUpdates = [
  ...['BalanceDebited', 'OrderSucceeded', 'StockRejected', 'OrderFailed'],
  ...['BalanceRejected', 'OrderFailed', 'StockReleased'],
]
const ofOrder = [
  ...['OrderPlaced', 'OrderSucceeded', 'OrderPlaced', 'OrderFailed', 'OrderPlaced', 'OrderFailed'],
]

test('an observer of a pattern sees just what matches, one of a service all it says, while orders go their way', () =>
  withStoryPlace(async (place) => {
    const migrate = spawned(place, 'migrate')
    assert.is(await finished(migrate.child), 0, migrate.heard.talk)
    await withObservers(place, [['update.*'], ['--service', 'order', '--json']], async ([updates, order]) => {
      const story = spawned(place, 'start', '--exit', '--port-base', String(place.base))
      assert.is(await finished(story.child), 0, story.heard.talk)
      await says(() => linesOf(updates as Spawned).map((line) => line.split(/\s+/)[2]), ofUpdates)
      await says(() => linesOf(order as Spawned).map((line) => JSON.parse(line).type), ofOrder)
    })
  }))

test('an observer whose reader went away ends like one that was stopped', () =>
  withStoryPlace(async (place) => {
    assert.is(await finished(spawned(place, 'migrate').child), 0)
    // A real pipe, as of a shell: Node's own are sockets.
    const line = `node scripts/run.mjs observe | head -1; exit \${PIPESTATUS[0]}`
    const piped = spawn('bash', ['-c', line], {
      cwd: projectRoot,
      env: place.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, talk] = ['', '']
    piped.stdout.on('data', (data) => (out += data))
    piped.stderr.on('data', (data) => (talk += data))
    await eventually(() => talk.includes('watching'), { withinMs: 30_000 })
    const story = spawned(place, 'start', '--exit', '--port-base', String(place.base))
    assert.is(await finished(story.child), 0, story.heard.talk)
    assert.is(await finished(piped), 0, talk)
    assert.is(out.split('\n').length, 2)
    assert.is(talk, 'watching; Ctrl-C ends\n')
  }))

test('an environment that is not usable ends in 78, for observe and migrate', () =>
  withStoryPlace(async (place) => {
    for (const command of ['observe', 'migrate']) {
      const env = { ...place.env, SAGA_NAMESPACE: 'A' }
      const { child, heard } = spawned({ ...place, env }, command)
      assert.is(await finished(child), 78)
      assert.is(
        heard.talk,
        'the environment is not usable:\n  SAGA_NAMESPACE: must be at most 32 of a-z, 0-9, _ and -\n' +
          'next: correct it; docs/environment.md says what each key takes\n',
      )
    }
  }))

test('wrong usage ends in one line and 2, a broker that is not there in one line, the next step, and 69', () =>
  withStoryPlace(async (place) => {
    const told = async (env: Record<string, string>, ...args: string[]) => {
      const { child, heard } = spawned({ ...place, env: { ...place.env, ...env } }, 'observe', ...args)
      return { code: await finished(child), ...heard }
    }
    const foo = await told({}, '--service', 'foo')
    assert.is(foo.code, 2)
    assert.match(foo.talk, /argument 'foo' is invalid\. Allowed choices are order, product, user\.\n/)
    const both = await told({}, '--service', 'order', 'update.*')
    assert.is(both.code, 2)
    assert.match(
      both.talk,
      /^--service shows all of one service: leave out the patterns, or leave out --service\n/,
    )
    const away = await told({ AMQP_URL: 'amqp://me:secret@127.0.0.1:1' })
    assert.is(away.code, 69)
    assert.match(
      away.talk,
      /^no connection to .*\nnext: check that the broker runs and that AMQP_URL names it\n$/,
    )
  }))

test.run()
