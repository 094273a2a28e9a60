import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { environment } from '../../../shared/config/index.ts'
import { type EventType, events, type ServiceName } from '../../../shared/contracts/index.ts'
import { databaseOf } from '../../../shared/database/migrations/index.ts'
import { testServers } from '../../../shared/testing/index.ts'
import { retryDelaysMs, type System, type SystemOptions, withSystem } from '../../../test/system/index.ts'
import { declareBroker, projectRoot, topologyOf } from '../../infra/index.ts'

export interface Said {
  code: number | null
  out: string
  err: string
}

export interface Stage extends System {
  /** Runs `npm run outbox -- ..` as a program of its own. */
  outbox(...args: string[]): Promise<Said>
  /** The same by a person at a terminal, who types that. */
  atTerminal(typed: string, ...args: string[]): Promise<Said>
  /** The same, not waited for. */
  start(...args: string[]): { child: ReturnType<typeof spawn>; ended: Promise<Said> }
}

export const commandEnv = (
  namespace: string,
  amqpUrl: string,
  more: Record<string, string | undefined> = {},
) =>
  environment({
    POSTGRES_URL: databaseOf(testServers().postgresUrl, 'postgres'),
    AMQP_URL: amqpUrl,
    SAGA_NAMESPACE: namespace,
    RETRY_DELAYS_MS: retryDelaysMs.join(),
    NO_COLOR: '1',
    NODE_ENV: undefined,
    ...more,
  })

/** Makes the program take its pipes for a terminal. */
const asTerminal = ['--import', 'data:text/javascript,process.stdin.isTTY=process.stderr.isTTY=true']

/** `typed`: what a person at a terminal answers; without it there is nobody to ask. */
export const startOutbox = (env: Record<string, string>, args: readonly string[], typed?: string) => {
  const options = ['--import', 'tsx', ...(typed === undefined ? [] : asTerminal)]
  const command = [...options, join(projectRoot, 'scripts/outbox.ts'), ...args]
  const child = spawn(process.execPath, command, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(typed)
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<Said>((resolve) => child.once('close', (code) => resolve({ code, out, err })))
  return { child, ended, said: () => ({ out, err }) }
}

const stageOf = (system: System): Stage => {
  const env = commandEnv(system.namespace, system.amqpUrl)
  const start = (...args: string[]) => startOutbox(env, args)
  return Object.assign(system, {
    start,
    outbox: (...args: string[]) => start(...args).ended,
    atTerminal: (typed: string, ...args: string[]) => startOutbox(env, args, typed).ended,
  })
}

/** Databases, queues and exchanges of a whole system, no service running. */
export const withStage = <Result>(use: (stage: Stage) => Promise<Result>): Promise<Result> =>
  withSystem({ start: false, mode: 'choreography' }, async (system) => {
    await declareBroker(system.amqpUrl, topologyOf({ namespace: system.namespace, retryDelaysMs }))
    return use(stageOf(system))
  })

/** The same with its services running. */
export const withRunningStage = <Result>(
  use: (stage: Stage) => Promise<Result>,
  options: SystemOptions = {},
): Promise<Result> => withSystem({ mode: 'choreography', ...options }, (system) => use(stageOf(system)))

export interface Seeded {
  id: string
  eventId: string
  type: EventType
  orderId: string
}

export interface Seeding {
  type?: EventType
  orderId?: string
  /** Seconds since it was made and published. */
  age?: number
  state?: 'published' | 'pending' | 'parked'
}

/** Writes rows to a service's outbox, in the order given. Their payload is no real event's: no service may hear them. */
export const seedRows = async (
  stage: System,
  service: ServiceName,
  rows: readonly Seeding[],
): Promise<Seeded[]> => {
  const planned = rows.map(
    ({ type = 'OrderPlaced', orderId = randomUUID(), age = 60, state = 'published' }) => ({
      eventId: randomUUID(),
      type,
      orderId,
      age,
      state,
      routingKey: events[type].routingKey,
    }),
  )
  const ids = await stage.sql<{ id: string; eventId: string }>(
    service,
    `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, published_at, parked_at, last_error)
     select (row->>'eventId')::uuid, row->>'type', (row->>'orderId')::uuid, $2, row->>'routingKey',
       jsonb_build_object('orderId', row->>'orderId'), at, case when row->>'state' = 'published' then at end,
       case when row->>'state' = 'parked' then at end, case when row->>'state' = 'parked' then 'too large' end
     from jsonb_array_elements($1::jsonb) with ordinality as given(row, nth),
       lateral (select clock_timestamp() - make_interval(secs => (row->>'age')::float8) as at) as past
     order by nth returning id::text, event_id::text as "eventId"`,
    [JSON.stringify(planned), stage.name(`EX_${service.toUpperCase()}`)],
  )
  const idOf = new Map(ids.map(({ id, eventId }) => [eventId, id]))
  return planned.map(({ eventId, type, orderId }) => ({ id: idOf.get(eventId)!, eventId, type, orderId }))
}

/** Takes everything off a queue: the ids in order. */
export const drain = (stage: System, queue: string) =>
  stage.broker.withChannel(async (channel) => {
    const taken: { id: string; type: string; orderId: string; headers: Record<string, unknown> }[] = []
    for (;;) {
      const message = await channel.get(stage.name(queue), { noAck: true })
      if (message === false) return taken
      const { messageId, type, correlationId, headers } = message.properties
      taken.push({ id: messageId, type, orderId: correlationId, headers: { ...headers } })
    }
  })
