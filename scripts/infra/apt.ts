import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { pause } from '../../shared/failure/index.ts'
import { reasonOf, runProgram } from './program.ts'

const timeoutMs = 600_000
const lockWaitMs = 300_000
const lockLookMs = 2_000

/** Installs a Debian package, as root, without starting the service in it. Packages asked for at the same time are installed one after another. */
export const aptInstall = (name: string): Promise<void> => inTurn(() => withoutAutostart(() => install(name)))

let last: Promise<unknown> = Promise.resolve()
function inTurn(work: () => Promise<void>): Promise<void> {
  const turn = last.then(work)
  last = turn.catch(() => {})
  return turn
}

/** A fresh system has no package lists, an old one has lists of versions that are gone: then they are fetched, and it is tried again. */
async function install(name: string): Promise<void> {
  const once = () => apt('install', '-y', '--no-install-recommends', name)
  await once().catch(async () => {
    await apt('update')
    await once()
  })
}

/** apt waits for its own lock on the packages, but not for those on lists and archives, which another run may hold. */
async function apt(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
  const options = ['-qq', '-o', `DPkg::Lock::Timeout=${lockWaitMs / 1000}`]
  for (const until = performance.now() + lockWaitMs; ; await pause(lockLookMs)) {
    try {
      await runProgram('apt-get', [...options, ...args], { env, timeout: timeoutMs })
      return
    } catch (error) {
      const locked = /Could not get lock|Unable to lock/.test((error as { stderr?: string }).stderr ?? '')
      if (!locked || performance.now() > until) throw new Error(reasonOf(error), { cause: error })
    }
  }
}

/** Debian starts a service as it installs it, unless this file says no. */
const policy = '/usr/sbin/policy-rc.d'
const ours = '#!/bin/sh\n# outbox-saga: while it installs a server that it runs itself\nexit 101\n'

async function withoutAutostart(work: () => Promise<void>): Promise<void> {
  if (!existsSync(policy)) await writeFile(policy, ours, { mode: 0o755 })
  try {
    await work()
  } finally {
    const content = await readFile(policy, 'utf8').catch(() => '')
    if (content === ours) await rm(policy, { force: true })
  }
}
