// limit: 180 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import { projectRoot } from './infra/index.ts'
import { answers, withPlace } from './testing/with-place.ts'

test('a relay that runs apart is looked at on a PORT of its own: alive, ready, measured', () =>
  withPlace(async ({ env, base }) => {
    const child = spawn(process.execPath, ['scripts/run.mjs', 'relay', 'order'], {
      cwd: projectRoot,
      env: { ...env, PORT: String(base) },
      stdio: 'ignore',
    })
    const ended = once(child, 'exit') as Promise<[number | null]>
    const get = (path: string) => fetch(`http://127.0.0.1:${base}${path}`)
    try {
      const ready = await eventually(
        async () => {
          const response = await get('/readyz')
          return response.ok && (await response.json())
        },
        { withinMs: 60_000 },
      )
      assert.equal(ready, { status: 'ready', checks: { broker: 'up', relay: 'up' } })
      assert.is((await get('/livez')).status, 200)
      await eventually(async () => /^outbox_relay_leading 1$/m.test(await (await get('/metrics')).text()))
    } finally {
      child.kill('SIGTERM')
    }
    assert.is((await ended)[0], 0)
    assert.is(await answers(base), false)
  }))

test.run()
