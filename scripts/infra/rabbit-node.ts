import { readdirSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Unavailable } from '../../shared/failure/index.ts'
import { managementOffset } from '../../shared/messaging/index.ts'
import { findRabbitServer } from './binaries.ts'
import { startDaemon } from './daemon.ts'
import type { NameServer } from './name-server.ts'
import { freePort, highestPort, isFree } from './ports.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { whyNotRabbit } from './probe.ts'

export interface NodePlace {
  dataDir: string
  /** Where Erlang keeps the cookie; the nodes of a cluster have one. */
  home: string
  nodeName: string
  port?: number
  config?: string
}

/** Starts one node, or starts it again with what it has in its folder. Throws Unavailable when it does not come up. */
export async function startNode(
  place: NodePlace,
  names: NameServer,
  afterStop: () => Promise<void> = async () => {},
): Promise<PrivateServer> {
  const command = findRabbitServer()
  if (command === undefined)
    throw new Unavailable('no RabbitMQ binaries on this machine', { code: 'infra.no_binaries' })
  const { dataDir } = place
  const port = place.port ?? (await portWithManagement())
  const managed = hasManagement(command) && (await isFree(port + managementOffset))
  await mkdir(dataDir, { recursive: true })
  await writeFile(join(dataDir, 'rabbitmq.conf'), configuration(port, managed, place.config))
  await writeFile(join(dataDir, 'enabled_plugins'), managed ? '[rabbitmq_management].\n' : '[].\n')
  await writeFile(join(dataDir, 'rabbitmq-env.conf'), '')
  const env = { ...process.env, ...environment(place, await freePort(), names.port) }
  return startPrivateServer({
    name: 'RabbitMQ',
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    startTimeoutMs: 120_000,
    hungAfterMs: 45_000, // a boot takes 3 to 10 s; one was seen to stand still for 90
    stopSignal: 'SIGTERM',
    whyNot: whyNotRabbit,
    start: () => {
      names.start()
      return startDaemon({ command, args: [], env, cwd: dataDir, logFile: join(dataDir, 'console.log') })
    },
    afterStop,
  })
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

const environment = (
  { dataDir, home, nodeName }: NodePlace,
  distributionPort: number,
  epmdPort: number,
): NodeJS.ProcessEnv => ({
  HOME: home,
  RABBITMQ_CONF_ENV_FILE: join(dataDir, 'rabbitmq-env.conf'),
  RABBITMQ_CONFIG_FILE: join(dataDir, 'rabbitmq.conf'),
  RABBITMQ_ADVANCED_CONFIG_FILE: join(dataDir, 'advanced.config'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(dataDir, 'enabled_plugins'),
  RABBITMQ_NODENAME: nodeName,
  RABBITMQ_MNESIA_BASE: join(dataDir, 'nodes'),
  RABBITMQ_LOG_BASE: join(dataDir, 'log'),
  RABBITMQ_GENERATED_CONFIG_DIR: join(dataDir, 'generated'),
  RABBITMQ_PID_FILE: join(dataDir, 'pid'),
  RABBITMQ_DIST_PORT: String(distributionPort),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  ERL_EPMD_ADDRESS: '127.0.0.1',
  ERL_EPMD_PORT: String(epmdPort),
  RUNNING_UNDER_SYSTEMD: '1', // the script then becomes the broker, so that its process id is the broker's
})
