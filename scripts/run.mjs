// The way into every command: `node scripts/run.mjs <command> [args]` works on a fresh clone with nothing but Node and npm.
// It installs the packages and generates the clients when they are missing or stale, then runs scripts/<command>.ts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const root = dirname(scripts)
const usageExit = 2
const unavailableExit = 69

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

/** Answers whether the packages are there now. npm is silent unless it fails; then what it says first is the reason. */
function installPackages() {
  console.error('installing the packages (npm ci), once')
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  // Three tries, as npm does, but without the minute in between.
  const retries = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000']
  const args = ['ci', '--ignore-scripts', '--prefer-offline', ...quiet, ...retries]
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  const done = spawnSync(npm[0], [...npm.slice(1), ...args], { cwd: root, encoding: 'utf8' })
  if (done.status === 0) return true
  const said = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`.trim()
  const [reason] = said.split(/\nnpm error\s+at /)
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
    if (looks === 0) console.error('another run is preparing the project, waiting for it')
    const owner = ownerOf(lock)
    if (owner === undefined ? looks > 20 : !isAlive(owner)) moveAside(lock)
    await pause(200)
  }
  writeFileSync(join(lock, 'pid'), String(process.pid))
  try {
    return await work()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function moveAside(lock) {
  try {
    const aside = `${lock}.${process.pid}`
    renameSync(lock, aside)
    rmSync(aside, { recursive: true, force: true })
  } catch {
    // somebody else was quicker
  }
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
await prepare()
const file = join(scripts, `${command}.ts`)
process.argv = [process.execPath, file, ...rest]
await import(pathToFileURL(file))
