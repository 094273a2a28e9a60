import { InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { colorWanted, readConfig, serviceSettings } from '../shared/config/index.ts'
import type { Mode, ServiceName } from '../shared/contracts/index.ts'
import { Unavailable } from '../shared/failure/index.ts'
import { createResources, type Resources } from '../shared/lifecycle/index.ts'
import { ports } from '../shared/service/index.ts'
import {
  commandWithExamples,
  exitCodes,
  findServers,
  type InfraFlag,
  infraOption,
  isFree,
  provision,
  provisionSettings,
  runCommand,
  type Servers,
} from './infra/index.ts'
import { assemble, type Cast, scenes, type Urls } from './story/cast.ts'
import { observeEvents } from './story/observe.ts'
import { startProcesses } from './story/processes.ts'
import { type Ended, type Style, tell } from './story/tell.ts'

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

/** user, product and order listen on three ports in a row. */
const urlsFrom = (first: number): Urls => ({
  user: `http://127.0.0.1:${first}`,
  product: `http://127.0.0.1:${first + 1}`,
  order: `http://127.0.0.1:${first + 2}`,
})

/** Whoever listens there would be taken for our own services. */
const refuseTakenPorts = async (urls: Urls) => {
  for (const [service, url] of Object.entries(urls)) {
    const port = Number(new URL(url).port)
    if (!(await isFree(port)))
      throw new Unavailable(
        `port ${port}, for the ${service} service, is taken: stop what listens there, or start with --port-base <port>`,
        { code: 'port.unavailable' },
      )
  }
}

const begin = async (flags: Flags, urls: Urls, resources: Resources) => {
  const settings = provisionSettings()
  await refuseTakenPorts(urls)
  const began = performance.now()
  const servers = await resources.acquire(
    'servers',
    () => findServers({ force: flags.infra, log: progress }),
    (it) => it.stop(),
  )
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
  return { observer, processes, servers, began }
}

const introductions: Record<Mode, string> = {
  choreography:
    'Three orders. No one conducts: each service hears an event, decides, and says what happened.',
  rpc: 'Three orders by RPC. Each client waits while order calls product, product calls user, and both reply.',
}

const tellStory = async ({ observer, began }: Awaited<ReturnType<typeof begin>>, urls: Urls) => {
  const cast = await assemble(urls)
  print(`\n${introductions[readConfig(z.object({ SAGA_MODE: serviceSettings.SAGA_MODE })).sagaMode]}`)
  const endings: Ended[] = []
  for (const [index, scene] of scenes(cast).entries()) {
    print(`\n${style.strong(`${index + 1}. ${scene.title}`)}`)
    const ended = await tell(scene, { urls, observer, style, print })
    if (index === 0)
      progress(`first order settled ${((performance.now() - began) / 1000).toFixed(1)} s after the start`)
    const verdict = `${ended.status}${ended.reason ? ` (${ended.reason})` : ''} after ${ended.settledMs} ms`
    print(
      ended.asExpected
        ? `   ${verdict}`
        : `   ${verdict}; expected ${scene.expected.status} ${scene.expected.reason ?? ''}`,
    )
    endings.push(ended)
  }
  const orderId = endings.at(-1)?.orderId ?? ''
  return { cast, orderId, asExpected: endings.every((it) => it.asExpected) }
}

/** What the other commands must be told when the system is not where they look by themselves. */
const whereabouts = ({ postgresUrl, amqpUrl, kinds }: Servers) => {
  const { namespace } = provisionSettings()
  const usual = Object.values(kinds).every((kind) => kind === 'running')
  const settings = [
    ...(usual ? [] : [`POSTGRES_URL=${postgresUrl}`, `AMQP_URL=${amqpUrl}`]),
    ...(namespace === '' ? [] : [`SAGA_NAMESPACE=${namespace}`]),
  ]
  return settings.length === 0 ? '' : `\n  export ${settings.join(' ')}`
}

const whatNext = ({ ada, chair }: Cast, orderId: string, urls: Urls, servers: Servers) => `
${style.strong('Try next')}, in another terminal:
${whereabouts(servers)}
  curl -s ${urls.order}/orders -H 'Content-Type: application/json' -H 'Prefer: wait=5' \\
    -d '{"userId":"${ada.id}","items":[{"productId":"${chair.id}","quantity":1}]}'
  curl -s '${urls.order}/orders?limit=3'
  curl -s ${urls.user}/users/${ada.id}/ledger
  curl -s ${urls.product}/products/${chair.id}
  curl -s ${urls.order}/readyz
  curl -s ${urls.order}/metrics
  npm run audit
  npm run outbox -- status
  npm run explain -- ${orderId}

The services' logs are in .data/logs. Ctrl-C stops everything; the data stay.`

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
    const urls = urlsFrom(flags.portBase)
    const running = await begin(flags, urls, resources)
    const { cast, orderId, asExpected } = await Promise.race([tellStory(running, urls), interrupted])
    if (flags.exit) return asExpected ? exitCodes.ok : exitCodes.failed
    print(whatNext(cast, orderId, urls, running.servers))
    const ended = await Promise.race([interruption, running.processes.firstEnd])
    if (typeof ended !== 'string') return exitCodes.ok
    console.error(`the ${ended} service ended by itself; see .data/logs/${ended}.log`)
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
