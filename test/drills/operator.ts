import { execFile } from 'node:child_process'
import { projectRoot } from '../../scripts/infra/index.ts'
import { environment } from '../../shared/config/index.ts'
import { databaseOf } from '../../shared/database/migrations/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { retryDelaysMs, type System } from '../system/index.ts'

export interface Said {
  code: number
  out: string
  err: string
}

/** A person at the keyboard, with docs/operations.md and nothing else. */
export interface Operator {
  /** Types a command as the page has it, e.g. `npm run outbox -- status`. */
  type(command: string): Promise<Said>
  /** The same for one that must end with 0; answers its stdout. */
  done(command: string): Promise<string>
  /** Until the audit finds nothing: what is in flight for less than its grace is no finding. */
  auditIsClean(): Promise<void>
}

const auditMs = 90_000
const mostOutput = 64 * 1024 * 1024

/** `env`: what the services were started with and the commands have to know too. */
export const operatorOf = (system: System, env: Record<string, string> = {}): Operator => {
  const options = {
    cwd: projectRoot,
    maxBuffer: mostOutput,
    env: environment({
      POSTGRES_URL: databaseOf(system.databaseUrl('order'), 'postgres'),
      AMQP_URL: system.amqpUrl,
      SAGA_NAMESPACE: system.namespace,
      RETRY_DELAYS_MS: retryDelaysMs.join(),
      NODE_ENV: undefined,
      NO_COLOR: '1',
      ...env,
    }),
  }
  const type = (command: string) =>
    new Promise<Said>((resolve, reject) => {
      const [, name, args = ''] = /^npm run (?:--silent )?(\S+)(?: -- (.*))?$/.exec(command) ?? []
      if (name === undefined) return reject(new Error(`not a command of ours: ${command}`))
      // What npm runs.
      const words = ['scripts/run.mjs', name, ...args.split(' ').filter(Boolean)]
      execFile(process.execPath, words, options, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      )
    })
  const done = async (command: string) => {
    const { code, out, err } = await type(command)
    if (code !== 0)
      throw new Error(`${command} ended with ${code}:\n${out.slice(-2_000)}\n${err.slice(-2_000)}`)
    return out
  }
  return {
    type,
    done,
    async auditIsClean() {
      await eventually(() => done('npm run audit'), { withinMs: auditMs, everyMs: 500 })
    },
  }
}
