import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { ServiceName } from '../../shared/contracts/index.ts'
import type { Servers } from './find-servers.ts'
import { startGuard } from './guard.ts'
import { databaseUrlOf } from './provision.ts'
import { projectRoot } from './schemas.ts'

/** A service, or its relay alone (`services/<service>/<program>.ts`). */
export type Program = 'main' | 'relay'

/**
 * Starts a program of a service as a process of its own, in its own group: Ctrl-C on the terminal reaches us, and we pass
 * it on once. It does not outlive us. What it prints goes to `output`, a file descriptor, or to where we print;
 * `port` when not said is the service's own.
 */
export function startServiceProcess(
  service: ServiceName,
  program: Program,
  servers: Pick<Servers, 'postgresUrl' | 'amqpUrl'>,
  namespace: string,
  { output = 'inherit', port }: { output?: number | 'inherit'; port?: number } = {},
): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', `services/${service}/${program}.ts`], {
    cwd: projectRoot,
    detached: true,
    stdio: ['ignore', output, output],
    env: {
      ...process.env,
      DATABASE_URL: databaseUrlOf(service, servers.postgresUrl, namespace),
      AMQP_URL: servers.amqpUrl,
      ...(port === undefined ? {} : { PORT: String(port) }),
    },
  })
  if (child.pid !== undefined) {
    const guard = startGuard(child.pid)
    child.once('exit', () => guard.kill('SIGKILL'))
  }
  return child
}

/** Passes our signals on to the child until it ends. Answers the exit code to end with. */
export async function followToTheEnd(child: ChildProcess): Promise<number> {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name))
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? 128 + (signal ? constants.signals[signal] : 0)
}
