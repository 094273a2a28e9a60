import { readdirSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Unavailable } from '../../shared/failure/index.ts'
import { managementOffset } from '../../shared/messaging/index.ts'
import { findRabbitServer, onPath } from './binaries.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { freePort, highestPort, isFree } from './ports.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { whyNotRabbit } from './probe.ts'

/**
 * A RabbitMQ of our own on 127.0.0.1, user guest, data in `dataDir`. It shares nothing with a broker that is already
 * there: own ports, own node directory, own cookie, own epmd. `config` is appended to its rabbitmq.conf.
 * Where the plugin is installed it has its management API, 10 000 above its port.
 * Throws Unavailable when there is no RabbitMQ or it does not come up.
 */
export async function startPrivateRabbit(options: {
  dataDir: string
  port?: number
  config?: string
}): Promise<PrivateServer> {
  const command = findRabbitServer()
  if (command === undefined)
    throw new Unavailable('no RabbitMQ binaries on this machine', { code: 'infra.no_binaries' })
  const { dataDir } = options
  const port = options.port ?? (await portWithManagement())
  const managed = hasManagement(command) && (await isFree(port + managementOffset))
  const epmdPort = String(await freePort())
  await mkdir(dataDir, { recursive: true })
  await writeFile(join(dataDir, 'rabbitmq.conf'), configuration(port, managed, options.config))
  await writeFile(join(dataDir, 'enabled_plugins'), managed ? '[rabbitmq_management].\n' : '[].\n')
  await writeFile(join(dataDir, 'rabbitmq-env.conf'), '')
  const env = { ...process.env, ...environment(dataDir, await freePort(), epmdPort) }
  let names: Daemon | undefined
  return startPrivateServer({
    name: 'RabbitMQ',
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    startTimeoutMs: 120_000,
    hungAfterMs: 45_000, // a boot takes 3 to 10 s; one was seen to stand still for 90
    stopSignal: 'SIGTERM',
    whyNot: whyNotRabbit,
    start: () => {
      names ??= startNameServer(Number(epmdPort), dataDir)
      return startDaemon({ command, args: [], env, cwd: dataDir, logFile: join(dataDir, 'console.log') })
    },
    afterStop: async () => {
      await names?.stop('SIGKILL', 5_000)
      names = undefined
    },
  })
}

/** Erlang's name server. A node starts one when there is none, and leaves it behind; so we start ours, to stop it too. */
function startNameServer(port: number, dataDir: string): Daemon | undefined {
  const command = onPath('epmd')
  if (command === undefined) return undefined
  const args = ['-address', '127.0.0.1', '-port', String(port)]
  return startDaemon({ command, args, logFile: join(dataDir, 'epmd.log') })
}

/** Distributions leave the plugin out, or put it into the same folder as the others. */
const hasManagement = (command: string): boolean =>
  pluginsOf(command).some((name) => /^rabbitmq_management-/.test(name))

function pluginsOf(command: string): string[] {
  try {
    return readdirSync(join(dirname(realpathSync(command)), '../plugins'))
  } catch {
    return []
  }
}

/** A port that leaves room for the management API where clients look for it, below the range of outgoing connections. */
async function portWithManagement(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port + managementOffset <= highestPort && (await isFree(port + managementOffset))) return port
  }
}

const configuration = (port: number, managed: boolean, more = ''): string =>
  [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    ...(managed ? ['management.tcp.ip = 127.0.0.1', `management.tcp.port = ${port + managementOffset}`] : []),
    'disk_free_limit.absolute = 50MB',
    // Into the one file, console.log, so that the end of it tells how far a boot came.
    'log.console = true',
    'log.console.level = info',
    'log.connection.level = warning',
    'log.file = false',
    more,
    '',
  ].join('\n')

const environment = (dataDir: string, distributionPort: number, epmdPort: string): NodeJS.ProcessEnv => ({
  HOME: dataDir, // where Erlang keeps the cookie
  RABBITMQ_CONF_ENV_FILE: join(dataDir, 'rabbitmq-env.conf'),
  RABBITMQ_CONFIG_FILE: join(dataDir, 'rabbitmq.conf'),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(dataDir, 'advanced.config'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(dataDir, 'enabled_plugins'),
  RABBITMQ_NODENAME: 'outbox-saga@localhost',
  RABBITMQ_MNESIA_BASE: join(dataDir, 'nodes'),
  RABBITMQ_LOG_BASE: join(dataDir, 'log'),
  RABBITMQ_GENERATED_CONFIG_DIR: join(dataDir, 'generated'),
  RABBITMQ_PID_FILE: join(dataDir, 'pid'),
  RABBITMQ_DIST_PORT: String(distributionPort),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  ERL_EPMD_ADDRESS: '127.0.0.1',
  ERL_EPMD_PORT: epmdPort,
  RUNNING_UNDER_SYSTEMD: '1', // the script then becomes the broker, so that its process id is the broker's
})
