import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { environment } from '../../shared/config/index.ts'
import { testServers } from '../../shared/testing/index.ts'
import { projectRoot } from '../infra/index.ts'

/** Runs `npm run bench` on the servers that tests use; rejects when it exits with anything but 0. */
export const bench = (...args: string[]) => {
  const { postgresUrl, amqpUrl } = testServers()
  const env = environment({ POSTGRES_URL: postgresUrl, AMQP_URL: amqpUrl })
  return promisify(execFile)(process.execPath, ['scripts/run.mjs', 'bench', ...args], {
    cwd: projectRoot,
    env,
  })
}

export const sides = (...keys: string[]) => keys.flatMap((key) => ['--side', key])
export const quick = ['--infra', 'env', '--rounds', '1', '--scale', '0.01', '--json']
