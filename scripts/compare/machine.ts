import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withClient } from '../../shared/database/migrations/index.ts'
import { connectBroker } from '../../shared/messaging/index.ts'
import { projectRoot } from '../infra/index.ts'
import type { Results } from './results.ts'

const run = promisify(execFile)
const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** What the figures were measured on. Nothing that names the machine or its user. */
export const describeMachine = async ({
  postgres,
  broker,
}: Readonly<Record<'postgres' | 'broker', { url: string }>>): Promise<Results['machine']> => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown CPU',
  cores: os.availableParallelism(),
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  system: `${os.type()} ${os.release()}`,
  node: process.versions.node,
  postgres: await withClient(postgres.url, async (client) => {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    return rows[0]?.server_version.split(' ')[0] ?? 'unknown'
  }),
  rabbitmq: await brokerVersion(broker.url),
})

const brokerVersion = async (url: string): Promise<string> => {
  const connection = connectBroker({ url, name: 'compare', log: silent })
  try {
    const session = await connection.connected(AbortSignal.timeout(10_000))
    const channel = (await session.createChannel()) as unknown as {
      connection?: { serverProperties?: { version?: unknown } }
    }
    const version = channel.connection?.serverProperties?.version
    return typeof version === 'string' ? version : 'unknown'
  } finally {
    await connection.close()
  }
}

/** Name, version and commit, the latter where it is known. */
export const describeProject = async (): Promise<string> => {
  const { name, version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as {
    name: string
    version: string
  }
  const asked = ['describe', '--always', '--dirty', '--abbrev=12']
  const commit = await run('git', asked, { cwd: projectRoot }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
  return commit === undefined ? `${name} ${version}` : `${name} ${version}, commit ${commit}`
}
