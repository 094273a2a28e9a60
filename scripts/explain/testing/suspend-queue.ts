import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findRabbitServer } from '../../infra/binaries.ts'
import type { PrivateServer } from '../../infra/index.ts'

/** Makes a quorum queue of a broker of our own as silent as one without a leader, or lets it go on. */
export const hold = async (broker: PrivateServer, queue: string, what: 'suspend' | 'resume') => {
  const environ = await readFile(`/proc/${broker.pid}/environ`, 'utf8')
  const env = Object.fromEntries(environ.split('\0').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  const control = join(dirname(findRabbitServer() ?? ''), 'rabbitmqctl')
  await promisify(execFile)(control, ['eval', `sys:${what}('%2F_${queue}').`], { env })
}
