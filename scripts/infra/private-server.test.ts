import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startDaemon } from './daemon.ts'
import { type ServerKind, startPrivateServer } from './private-server.ts'

/** A server that stands still at its first `hangs` boots, and answers (by a file) at the next one. */
const withHanging = async (
  hangs: number,
  use: (kind: ServerKind, boots: () => number) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'hanging-'))
  const answer = join(folder, 'answers')
  let boots = 0
  const script = `process.stdout.write('\\u001b[31mbooting\\u001b[0m\\n'); setInterval(() => {}, 1000)
    if (process.argv[1] === 'answer') require('node:fs').writeFileSync(${JSON.stringify(answer)}, '')`
  const kind: ServerKind = {
    name: 'hanging',
    url: answer,
    start: () => {
      boots += 1
      const args = ['-e', script, boots > hangs ? 'answer' : 'hang']
      return startDaemon({ command: process.execPath, args, logFile: join(folder, 'log') })
    },
    whyNot: async (path) => (existsSync(path) ? undefined : 'nobody there'),
    stopSignal: 'SIGTERM',
    hungAfterMs: 1_000,
    startTimeoutMs: 60_000,
  }
  try {
    await use(kind, () => boots)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a server that stands still while it boots is ended and started again', () =>
  withHanging(1, async (kind, boots) => {
    const server = await startPrivateServer(kind)
    assert.is(boots(), 2)
    await server.stop()
  }))

test('one that stands still again is given up in one error, with the end of its log, and leaves nothing', () =>
  withHanging(2, async (kind, boots) => {
    let cleared = 0
    const afterStop = async () => {
      cleared += 1
    }
    const start = startPrivateServer({ ...kind, startTimeoutMs: 4_000, afterStop })
    const error = await start.then(
      () => assert.unreachable('it started'),
      (thrown) => thrown,
    )
    assert.is(error.code, 'infra.not_started')
    assert.match(error.message, /^hanging did not come up: nobody there\nbooting/)
    assert.is(boots(), 2)
    assert.is(cleared, 1)
  }))

test.run()
