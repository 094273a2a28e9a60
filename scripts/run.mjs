// The way into every command: `node scripts/run.mjs <command> [args]` works on a fresh clone with nothing but Node and npm.
// It installs the packages and generates the clients when they are missing or stale, then runs scripts/<command>.ts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const root = dirname(scripts)
const usageExit = 2
const unavailableExit = 69
const interruptedExit = 130

const commands = readdirSync(scripts)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -'.ts'.length))

function fail(line, code) {
  console.error(line)
  process.exit(code)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer, then try again`, 1)
}

const packagesIn = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages

/** Compared by content: a lock file that git has only touched is no reason to install again. */
function packagesAreStale() {
  try {
    const installed = packagesIn('node_modules/.package-lock.json')
    return Object.entries(packagesIn('package-lock.json')).some(
      ([path, wanted]) => path !== '' && !wanted.optional && installed[path]?.version !== wanted.version,
    )
  } catch {
    return true
  }
}

/** What a signal must undo before it ends us. */
const undo = new Set()

function interrupted() {
  for (const step of undo) step()
  fail('interrupted', interruptedExit)
}

const killGroup = (pid) => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

/**
 * npm does not end by Ctrl-C while it installs, and one that is left behind would take the folders from under the next. So it is in a
 * group of its own, which a signal to us ends, and a guard when we are gone without one: its input closes then.
 */
function startNpm(args) {
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  const child = spawn(npm[0], [...npm.slice(1), ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) return child
  const guard = spawn('/bin/sh', ['-c', `cat >/dev/null; kill -KILL -${pid} 2>/dev/null`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => {})
  const end = () => killGroup(pid)
  undo.add(end)
  child.once('exit', () => {
    undo.delete(end)
    guard.kill('SIGKILL')
  })
  return child
}

/** Answers whether the packages are there now. npm is silent unless it fails; then what it says first is the reason. */
async function installPackages() {
  console.error('installing the packages (npm ci), once')
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  // Three tries, as npm does, but without the minute in between.
  const retries = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000']
  const child = startNpm(['ci', '--ignore-scripts', '--prefer-offline', ...quiet, ...retries])
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (said += text))
  const [code] = await once(child, 'close').catch((error) => {
    said += error.message
    return [1]
  })
  if (code === 0) return true
  const [reason] = said.trim().split(/\nnpm error\s+at /)
  console.error(reason.split('\n').slice(0, 20).join('\n'))
  return false
}

const isAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const ownerOf = (lock) => {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'))
  } catch {
    return undefined
  }
}

/** A process that has nothing to do with us can have got the number of an owner that is gone. */
const waitingFor = (owner) =>
  `another run${owner === undefined ? '' : ` (process ${owner})`} is preparing the project, waiting for it; ` +
  'if there is none, remove .data/preparing.lock'

/** Of two runs at once one prepares and the other waits. A lock whose owner is gone is taken over. */
async function withLock(work) {
  const lock = join(root, '.data', 'preparing.lock')
  mkdirSync(dirname(lock), { recursive: true })
  for (let looks = 0; ; looks++) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const owner = ownerOf(lock)
    if (looks === 0) console.error(waitingFor(owner))
    if (owner === undefined ? looks > 20 : !isAlive(owner)) moveAside(lock)
    await pause(200)
  }
  const unlock = () => rmSync(lock, { recursive: true, force: true })
  undo.add(unlock)
  writeFileSync(join(lock, 'pid'), String(process.pid))
  try {
    return await work()
  } finally {
    unlock()
    undo.delete(unlock)
  }
}

function moveAside(lock) {
  const aside = `${lock}.${process.pid}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    // Somebody else was quicker; anything else would not get better by waiting.
    if (error.code === 'ENOENT') return
    throw error
  }
  rmSync(aside, { recursive: true, force: true })
}

async function registerTypeScript() {
  const { register } = await import('tsx/esm/api')
  register()
}

async function prepare() {
  const installed = !packagesAreStale() || (await withLock(() => !packagesAreStale() || installPackages()))
  if (!installed)
    fail('npm ci failed, see above: with a network at hand, try `npm ci` again', unavailableExit)
  await registerTypeScript()
  const { ensureClients, staleClients } = await import('./infra/clients.ts')
  if ((await staleClients()).length > 0) await withLock(() => ensureClients((line) => console.error(line)))
}

const [command, ...rest] = process.argv.slice(2)
checkNode()
const usage = `usage: node scripts/run.mjs <${commands.join(' | ')}> [arguments]`
if (command === '--help' || command === '-h') {
  console.log(`${usage}\n<command> --help tells what it does`)
  process.exit()
}
if (!commands.includes(command ?? '')) {
  const why = command === undefined ? 'which command?' : `unknown command: ${command}`
  fail(`${why}\n${usage}`, usageExit)
}
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
for (const name of signals) process.on(name, interrupted)
await prepare().catch((error) =>
  fail(`the project can't be prepared: ${error.message}\nnext: make ${root} writable, or try npm ci`, 1),
)
for (const name of signals) process.off(name, interrupted)
const file = join(scripts, `${command}.ts`)
process.argv = [process.execPath, file, ...rest]
await import(pathToFileURL(file))
