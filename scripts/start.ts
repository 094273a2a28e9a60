import { InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { colorWanted, readConfig, serviceSettings } from '../shared/config/index.ts'
import { type Mode, type ServiceName, services } from '../shared/contracts/index.ts'
import { createResources, type Resources } from '../shared/lifecycle/index.ts'
import { ports } from '../shared/service/index.ts'
import {
  commandWithExamples,
  exitCodes,
  findServers,
  type InfraFlag,
  infraOption,
  provision,
  provisionSettings,
  refuseTakenPort,
  runCommand,
  type Servers,
  serviceSettingsOf,
} from './infra/index.ts'
import { assemble, scenes, type Urls } from './story/cast.ts'
import { observeEvents } from './story/observe.ts'
import { logFileOf, startProcesses } from './story/processes.ts'
import { type Ended, type Style, tell } from './story/tell.ts'
import { whatNext, whereabouts } from './story/what-next.ts'

interface Flags extends InfraFlag {
  exit?: boolean
  portBase: number
}

const colours: Record<ServiceName, number> = { order: 36, product: 33, user: 35 }
const coloured = colorWanted(process.stdout)
const paint = (code: number, text: string) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text)
const style: Style = {
  service: (name, text) => paint(colours[name], text),
  strong: (text) => paint(1, text),
  dim: (text) => paint(2, text),
}
const print = (text = '') => console.log(text)
const progress = (text: string) => console.error(style.dim(text))

/** Where we reach what listens on `host`. */
const reached = (host: string) => {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** user, product and order listen on three ports in a row. */
const urlsFrom = (first: number, host: string): Urls => ({
  user: `http://${reached(host)}:${first}`,
  product: `http://${reached(host)}:${first + 1}`,
  order: `http://${reached(host)}:${first + 2}`,
})

/** Whoever listens there would be taken for our own services. */
const refuseTakenPorts = async (urls: Urls, host: string) => {
  for (const service of services) {
    const next = 'stop what listens there, or start with --port-base <port>'
    await refuseTakenPort(service, Number(new URL(urls[service]).port), next, host)
  }
}

/** Servers that were there before stay when we stop. */
const isOurs = ({ kinds }: Servers) =>
  Object.values(kinds).some((kind) => kind !== 'env' && kind !== 'running')

const begin = async (flags: Flags, resources: Resources) => {
  const settings = provisionSettings()
  services.forEach(serviceSettingsOf)
  const { host } = serviceSettingsOf('order')
  const urls = urlsFrom(flags.portBase, host)
  await refuseTakenPorts(urls, host)
  const began = performance.now()
  const servers = await findServers({ force: flags.infra, log: progress })
  if (isOurs(servers)) resources.add('servers', servers.stop)
  const { postgres, rabbitmq } = servers.kinds
  progress(`PostgreSQL (${postgres}) and RabbitMQ (${rabbitmq}) answer`)
  await provision(servers, { ...settings, onProblem: progress })
  progress('databases migrated, broker topology declared')
  const processes = await resources.acquire(
    'services',
    () => startProcesses(servers, settings.namespace, urls),
    (it) => it.stop(),
  )
  await Promise.race([processes.ready(), interrupted])
  const observer = await resources.acquire(
    'observer',
    () => observeEvents(servers.amqpUrl, settings.namespace),
    (it) => it.stop(),
  )
  for (const [service, url] of Object.entries(urls)) progress(`${service.padEnd(8)} ${url}`)
  return { urls, observer, processes, servers, began }
}

const introductions: Record<Mode, string> = {
  choreography:
    'Three orders. No one conducts: each service hears an event, decides, and says what happened.',
  rpc: 'Three orders by RPC. Each client waits while order calls product, product calls user, and both reply.',
}

const warmUp = ' (the first order warms everything up; the next are faster)'

const tellStory = async ({ urls, observer, began }: Awaited<ReturnType<typeof begin>>) => {
  const cast = await assemble(urls)
  print(`\n${introductions[readConfig(z.object({ SAGA_MODE: serviceSettings.SAGA_MODE })).sagaMode]}`)
  const endings: Ended[] = []
  for (const [index, scene] of scenes(cast).entries()) {
    print(`\n${style.strong(`${index + 1}. ${scene.title}`)}`)
    const ended = await tell(scene, { urls, observer, style, print })
    const verdict = `${ended.status}${ended.reason ? ` (${ended.reason})` : ''} after ${ended.settledMs} ms`
    const otherwise = ended.asExpected
      ? ''
      : `; expected ${scene.expected.status} ${scene.expected.reason ?? ''}`
    print(`   ${verdict}${otherwise}${index === 0 ? style.dim(warmUp) : ''}`)
    if (index === 0)
      progress(`first order settled ${((performance.now() - began) / 1000).toFixed(1)} s after the start`)
    endings.push(ended)
  }
  const orderId = endings.at(-1)?.orderId ?? ''
  return { cast, orderId, asExpected: endings.every((it) => it.asExpected) }
}

const readPort = (text: string): number => {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port <= 65_533) return port
  throw new InvalidArgumentError('It must be a port from 1 to 65533.')
}

class Interrupted extends Error {}
let interrupt = () => {}
const interruption = new Promise<void>((resolve) => {
  interrupt = resolve
})
const interrupted = interruption.then(() => {
  throw new Interrupted()
})
// Whoever waits for it sees it; nobody need be waiting.
interrupted.catch(() => {})

const run = async (flags: Flags): Promise<number> => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt())
  const resources = createResources((name) => progress(`stopping ${name}`))
  try {
    const running = await begin(flags, resources)
    const { cast, orderId, asExpected } = await Promise.race([tellStory(running), interrupted])
    if (flags.exit) return asExpected ? exitCodes.ok : exitCodes.failed
    const { namespace } = provisionSettings()
    const where = whereabouts(running.servers, namespace)
    print(whatNext(cast, orderId, running.urls, { head: style.strong('Try next'), where }))
    const ended = await Promise.race([interruption, running.processes.firstEnd])
    if (typeof ended !== 'string') return exitCodes.ok
    console.error(
      `the ${ended} service ended by itself, so everything stops; see ${logFileOf(ended, namespace)}\n` +
        'next: npm run order, product and user in three terminals, to kill one alone',
    )
    return exitCodes.failed
  } catch (error) {
    if (error instanceof Interrupted) return exitCodes.interrupted
    throw error
  } finally {
    await resources.stop()
  }
}

await runCommand(
  commandWithExamples(
    'npm start --',
    'Brings up what is needed, starts the three services, and tells the story of three orders as it happens.',
    ['npm start', 'npm start -- --exit', 'npm start -- --infra private', 'SAGA_NAMESPACE=mine npm start'],
  )
    .option('--exit', 'end after the story: 0 when all three orders ended as they should, 1 when not')
    .option(
      '--port-base <port>',
      'where user listens; product and order on the next two',
      readPort,
      ports.user,
    )
    .addOption(infraOption())
    .action(async (flags: Flags) => {
      process.exitCode = await run(flags)
    }),
)
