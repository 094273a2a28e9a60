import { execFile } from 'node:child_process'
import { environment } from '../../../shared/config/index.ts'
import { testServers } from '../../../shared/testing/index.ts'
import type { System } from '../../../test/system/index.ts'
import { projectRoot } from '../../infra/index.ts'
import { type ExplainOptions, explain } from '../explain.ts'
import type { Explanation } from '../explanation.ts'
import { textOf } from '../text.ts'

export interface Told {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command as a user does, in the namespace of a system. */
export const runScript = (
  script: string,
  namespace: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Told> => {
  const { postgresUrl, amqpUrl } = testServers()
  const servers = { POSTGRES_URL: postgresUrl, AMQP_URL: amqpUrl }
  const options = {
    cwd: projectRoot,
    env: environment({ ...servers, SAGA_NAMESPACE: namespace, NO_COLOR: '1', ...env }),
  }
  return new Promise((resolve) => {
    execFile(process.execPath, ['scripts/run.mjs', script, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

export const runExplain = (namespace: string, args: readonly string[], env: Record<string, string> = {}) =>
  runScript('explain', namespace, args, env)

/** Runs the command that a verdict names as the next one. */
export const runNext = async (namespace: string, next: string | undefined): Promise<Told> => {
  const [, script, args] = /^npm run (\S+) -- ([^#]*)/.exec(next ?? '') ?? []
  if (script === undefined || args === undefined) throw new Error(`no command to run: ${next}`)
  return runScript(script, namespace, args.trim().split(' '))
}

export interface Seen extends Explanation {
  /** As a user sees it, without colours. */
  text: string
}

/** The same without the process around it; `amqpUrl` is how the broker is looked for. */
export const explainIn = async (
  { namespace, amqpUrl, databaseUrl }: Pick<System, 'namespace' | 'amqpUrl' | 'databaseUrl'>,
  orderId: string,
  look: Partial<Pick<ExplainOptions, 'amqpUrl' | 'deadlineMs'>> = {},
): Promise<Seen> => {
  const explanation = await explain(orderId, {
    // Its server counts, not its name.
    postgresUrl: databaseUrl('order'),
    amqpUrl,
    namespace,
    deadlineMs: 600_000,
    ...look,
  })
  if (explanation === undefined) throw new Error(`there is no order ${orderId}`)
  return { ...explanation, text: textOf(explanation, { colors: false, width: undefined }) }
}
