import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pause } from '../../shared/failure/index.ts'
import { oneAtATime } from './one-at-a-time.ts'

const withFolder = async (use: (folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), 'one-at-a-time-'))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const patient = { waiting: () => {}, signal: new AbortController().signal }

test('of several at once each has its turn alone, and nothing is left', () =>
  withFolder(async (folder) => {
    let inside = 0
    const owners: unknown[] = []
    const work = async (n: number) => {
      inside += 1
      assert.is(inside, 1)
      await pause(50)
      inside -= 1
      return n
    }
    const waiting = (owner: unknown) => owners.push(owner)
    const turns = [1, 2, 3].map((n) =>
      oneAtATime(join(folder, 'lock'), { ...patient, waiting }, () => work(n)),
    )
    assert.equal(await Promise.all(turns), [1, 2, 3])
    assert.is(owners.length, 2)
    assert.equal(await readdir(folder), [])
  }))

test('work that fails leaves the place to the next', () =>
  withFolder(async (folder) => {
    const lock = join(folder, 'lock')
    const failed = await oneAtATime(lock, patient, () => Promise.reject(new Error('no'))).catch(
      (error) => error,
    )
    assert.is(failed.message, 'no')
    assert.is(await oneAtATime(lock, patient, async () => 'done'), 'done')
  }))

test('what a process left behind that is gone is taken over, without a word', () =>
  withFolder(async (folder) => {
    const gone = spawn(process.execPath, ['-e', ''])
    await once(gone, 'exit')
    const lock = join(folder, 'lock')
    await mkdir(lock)
    await writeFile(join(lock, 'pid'), String(gone.pid))
    const waiting = () => assert.unreachable()
    assert.is(await oneAtATime(lock, { ...patient, waiting }, async () => 'done'), 'done')
    assert.equal(await readdir(folder), [])
  }))

test('who waits can be interrupted', () =>
  withFolder(async (folder) => {
    const lock = join(folder, 'lock')
    await mkdir(lock)
    await writeFile(join(lock, 'pid'), String(process.pid))
    const interruption = new AbortController()
    const waiting = () => interruption.abort(new Error('interrupted'))
    const work = async () => assert.unreachable()
    const ended = oneAtATime(lock, { waiting, signal: interruption.signal }, work).catch((error) => error)
    assert.is((await ended).message, 'interrupted')
    assert.equal(await readdir(folder), ['lock'])
  }))

test.run()
