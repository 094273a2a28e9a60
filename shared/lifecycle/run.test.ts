import { spawn } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

/** Runs a program made of `body` (which has `run`, `resources`, `faults`), sends the signals once it says `up`, and tells how it ended. */
const runProgram = (body: string, signals: NodeJS.Signals[] = []) => {
  const door = new URL('./index.ts', import.meta.url).href
  const failure = new URL('../failure/index.ts', import.meta.url).href
  const program = `
    import { runUntilStopped, createFaults, noFaults } from '${door}'
    import { Unavailable } from '${failure}'
    const log = { info: (_, m) => console.log(m), error: (_, m) => console.log('ERROR ' + m) }
    const up = () => { console.log('up'); setInterval(() => {}, 1000) }
    const never = new Promise(() => {})
    ${body}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])
  return new Promise<{ code: number | null; signal: string | null; out: string }>((resolve, reject) => {
    let out = ''
    const pending = [...signals]
    const read = (chunk: Buffer) => {
      out += chunk
      // The first signal when it is up, each next one when it says it is stopping.
      const due = /up/.test(out) ? (/stopping/.test(out) ? 2 : 1) : 0
      while (signals.length - pending.length < due && pending.length > 0) child.kill(pending.shift())
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out }))
  })
}

test('a signal stops in reverse and ends with 0', async () => {
  const { code, out } = await runProgram(
    `await runUntilStopped({ log, start: async (r) => {
      r.add('first', () => console.log('stop first')); r.add('second', () => console.log('stop second')); up() } })`,
    ['SIGTERM'],
  )
  assert.is(code, 0, out)
  assert.ok(out.indexOf('stop second') < out.indexOf('stop first') && out.includes('stop second'), out)
})

test('stopping that takes too long is ended with 1 and a line that says so', async () => {
  const { code, out } = await runProgram(
    `await runUntilStopped({ log, timeoutMs: 100, start: async () => { up(); return { stop: () => never } } })`,
    ['SIGINT'],
  )
  assert.is(code, 1)
  assert.match(out, 'stopping took too long')
})

test('a second signal ends it at once', async () => {
  const { code, out } = await runProgram(
    `await runUntilStopped({ log, timeoutMs: 60000, start: async () => { up(); return { stop: () => never } } })`,
    ['SIGTERM', 'SIGTERM'],
  )
  assert.is(code, 1)
  assert.match(out, 'second signal')
})

test('a start that fails releases what it had, and says by its exit code why', async () => {
  const program = (thrown: string) => `await runUntilStopped({ log, start: async (r) => {
    r.add('a', () => console.log('released')); throw ${thrown} } })`
  const plain = await runProgram(program(`new Error('boom')`))
  assert.is(plain.code, 1)
  assert.match(plain.out, 'could not start: boom')
  assert.match(plain.out, 'released')
  const unavailable = await runProgram(
    program(`new Unavailable('no broker', { code: 'broker.unavailable' })`),
  )
  assert.is(unavailable.code, 69)
})

test('a rejection nobody caught is fatal', async () => {
  const { code, out } = await runProgram(
    `await runUntilStopped({ log, start: async () => { up(); setTimeout(() => Promise.reject(new Error('lost')), 1) } })`,
  )
  assert.is(code, 1)
  assert.match(out, 'nobody caught a rejection: lost')
})

test('a fault strikes at the nth pass and only there', async () => {
  const spec = (kind: string) => `{ name: 'a', kind: '${kind}', ms: 1, nth: 2 }`
  const passes = (kind: string) => `const fault = createFaults([${spec(kind)}])
    await fault('b'); await fault('b'); await fault('a'); console.log('one'); await fault('a'); console.log('two')`
  const killed = await runProgram(passes('kill'))
  assert.is(killed.signal, 'SIGKILL')
  assert.match(killed.out, 'one')
  assert.not.match(killed.out, 'two')
  assert.match(killed.out, 'fault: a kill at pass 2')
  const thrown = await runProgram(passes('throw'))
  assert.is(thrown.code, 1)
  assert.match(thrown.out, 'fault planned at a')
  const slept = await runProgram(passes('sleep'))
  assert.match(slept.out, 'two')
})

test('without faults a point is the shared nothing', async () => {
  const { createFaults, noFaults } = await import('./index.ts')
  assert.is(createFaults([]), noFaults)
  assert.is(noFaults('a'), noFaults('b'))
})

test.run()
