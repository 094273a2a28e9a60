import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Refused } from '../../shared/failure/index.ts'
import { applyFaults, type Target } from './apply-faults.ts'
import { parseFaultProfile, readFaultProfile } from './fault-file.ts'
import { FaultProfile, faultProfiles, type TargetName, targets, windowOf } from './faults.ts'

const refusal = (text: string): Refused => {
  try {
    parseFaultProfile(text, 'mine.json')
  } catch (error) {
    if (error instanceof Refused) return error
    throw error
  }
  throw new Error('it was taken')
}
const steps = (...list: object[]) => JSON.stringify({ name: 'mine', steps: list })
const good = { atFraction: 0.5, action: 'kill', target: 'user', ms: 1_000 }

test('the profiles that come with the program are valid, and all that were asked for are there', () => {
  for (const profile of faultProfiles) assert.equal(FaultProfile.parse(profile), profile)
  assert.equal(faultProfiles.map(({ name }) => name).sort(), [
    'broker-restart',
    'kill-order',
    'kill-product',
    'kill-user',
    'none',
    'postgres-restart',
    'slow-user',
    'user-down',
  ])
})

test('user-down lasts from the first order to the last', () => {
  const [step] = faultProfiles.find(({ name }) => name === 'user-down')?.steps ?? []
  assert.equal(step && windowOf(step, 20_000), { fromMs: 0, forMs: 20_000 })
})

test('a file of one`s own is read by its path', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'))
  try {
    const file = join(folder, 'mine.json')
    await writeFile(
      file,
      steps(good, { atMs: 100, action: 'slow', target: 'order', fraction: 0.1, delayMs: 20 }),
    )
    assert.is((await readFaultProfile(file)).steps.length, 2)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('what is wrong in a file is said with its place, in words', () => {
  const cases: [string, RegExp][] = [
    ['{', /mine\.json is not JSON/],
    ['[]', /\(the whole\)/],
    [JSON.stringify({ name: 'Mine!', steps: [] }), /name: lower-case letters, digits and dashes/],
    [steps({ ...good, atMs: 5 }), /steps\.0: say when: either atMs or atFraction/],
    [steps({ action: 'kill', target: 'user', ms: 1 }), /steps\.0: say when/],
    [steps({ ...good, ms: undefined }), /steps\.0: say for how long/],
    [steps(good, { ...good, target: 'disk' }), /steps\.1\.target: .*"broker"/],
    [steps({ ...good, action: 'explode' }), /steps\.0\.action: .*"pause"/],
    [steps({ ...good, atFraction: 1.5 }), /steps\.0\.atFraction/],
    [steps({ ...good, action: 'pause', target: 'broker' }), /target: pause is for a service/],
    [steps({ ...good, delayMs: 5 }), /delayMs: belongs to the action slow/],
    [steps({ ...good, action: 'slow' }), /delayMs: .*slow needs it/],
    [steps({ ...good, colour: 'red' }), /colour/],
  ]
  for (const [text, expected] of cases) {
    const error = refusal(text)
    assert.match(error.message, expected)
    assert.match(error.next ?? '', /^write it like this: \{/)
  }
})

test('an unknown name says which there are, a missing file that it is missing', async () => {
  const message = (of: string) =>
    readFaultProfile(of).then(
      () => 'taken',
      (error: Error) => error.message,
    )
  assert.match(
    await message('kill-everything'),
    /there is no fault profile kill-everything; there are none, kill-order/,
  )
  assert.match(await message('./nowhere.json'), /can't be read \(ENOENT\)/)
})

const recording = () => {
  const log: string[] = []
  const target = (name: TargetName): Target => ({
    kill: async () => void log.push(`kill ${name}`),
    stop: async () => void log.push(`stop ${name}`),
    start: async () => void log.push(`start ${name}`),
    pause: () => void log.push(`pause ${name}`),
    resume: () => void log.push(`resume ${name}`),
    slow: (ms) => void log.push(`slow ${name} ${ms}`),
  })
  const all = Object.fromEntries(targets.map((name) => [name, target(name)])) as Record<TargetName, Target>
  return { log, all }
}

/** A clock that jumps to the next moment that somebody waits for, once all else is done. */
const virtualClock = () => {
  let now = 0
  let waiting: { at: number; go: () => void }[] = []
  const jump = () => {
    const next = waiting.sort((one, other) => one.at - other.at)[0]
    if (next === undefined) return
    waiting = waiting.filter((one) => one !== next)
    now = next.at
    next.go()
    setImmediate(jump)
  }
  return {
    sinceStart: () => now,
    wait: (ms: number) =>
      new Promise<void>((go) => {
        if (waiting.push({ at: now + ms, go }) === 1) setImmediate(jump)
      }),
  }
}

test('every action is done and undone, each at its moment', async () => {
  const { log, all } = recording()
  const profile = parseFaultProfile(
    steps(
      { atMs: 40, action: 'slow', target: 'user', ms: 20, delayMs: 7 },
      { atFraction: 0, action: 'kill', target: 'order', ms: 20 },
      { atFraction: 0.8, action: 'restart', target: 'broker', ms: 10 },
      { atMs: 120, action: 'pause', target: 'product', fraction: 0.1 },
    ),
    'mine.json',
  )
  const windows = await applyFaults({ profile, durationMs: 100, targets: all, ...virtualClock() })
  assert.equal(log, [
    ...['kill order', 'start order', 'slow user 7', 'slow user 0'],
    ...['stop broker', 'start broker', 'pause product', 'resume product'],
  ])
  assert.equal(
    windows.map(({ target, fromMs, toMs }) => [target, fromMs, toMs]),
    [
      ['user', 40, 60],
      ['order', 0, 20],
      ['broker', 80, 90],
      ['product', 120, 130],
    ],
  )
})

test('a fault that can`t be undone fails the run, but only after the others are undone', async () => {
  const { log, all } = recording()
  all.user.start = async () => {
    throw new Error('port taken')
  }
  const profile = parseFaultProfile(
    steps({ ...good, atFraction: 0, ms: 1 }, { ...good, target: 'order', atFraction: 0, ms: 30 }),
    'mine.json',
  )
  const start = performance.now()
  const running = applyFaults({
    profile,
    durationMs: 10,
    targets: all,
    sinceStart: () => performance.now() - start,
  })
  assert.match(await running.then(String, (error: Error) => error.message), /port taken/)
  assert.ok(log.includes('start order'))
})

test.run()
