// limit: 180 s
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { type Place, withPlace } from './testing/with-place.ts'

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
  withPlace(async (place) => {
    const migrate = spawned(place, 'migrate')
    assert.is(await finished(migrate.child), 0, migrate.heard.talk)
    await withObservers(place, [['update.*'], ['--service', 'order', '--json']], async ([updates, order]) => {
      const story = spawned(place, 'start', '--exit', '--port-base', String(place.base))
      assert.is(await finished(story.child), 0, story.heard.talk)
      await says(() => linesOf(updates as Spawned).map((line) => line.split(/\s+/)[2]), ofUpdates)
      await says(() => linesOf(order as Spawned).map((line) => JSON.parse(line).type), ofOrder)
    })
  }))

test.run()
