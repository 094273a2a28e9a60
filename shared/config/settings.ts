import { z } from 'zod'
import { modes, services } from '../contracts/index.ts'
import {
  amqpUrl,
  databaseUrl,
  delays,
  host,
  integer,
  managementUrl,
  namespace,
  oneOf,
  onOff,
  port,
  serverUrl,
} from './pieces.ts'

const day = 86_400_000

/**
 * What every service reads. A service adds its own port: `z.object({ ...serviceSettings, PORT: port(8002) })`. The descriptions are
 * docs/environment.md: `npm run docs`.
 */
export const serviceSettings = {
  SAGA_MODE: oneOf(modes, 'choreography').describe(
    'who brings an order to its end: events, or a chain of calls',
  ),
  DATABASE_URL: databaseUrl.describe("the service's own database"),
  AMQP_URL: amqpUrl.describe(
    'RabbitMQ; of a cluster the whole URL of each node, comma separated, with one user and virtual host: they are tried in turn',
  ),
  AMQP_MANAGEMENT_URL: managementUrl
    .optional()
    .describe('where bindings are asked for at the start; it must answer. Not set: the usual port is tried'),
  PORT: port(0).describe('of HTTP; 0 takes a free one'),
  HOST: host('127.0.0.1').describe('the address to listen on'),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info').describe(
    'the least that is logged; requests are logged at debug',
  ),
  SAGA_NAMESPACE: namespace.describe('prefix of all names on the broker: `t1` makes `t1.order.events`'),
  ORDER_DEADLINE_MS: integer({ min: 1, max: 30 * day, default: 60_000 }).describe(
    'ms; an order that is PROCESSING for longer fails as `expired`',
  ),
  RPC_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 5_000 }).describe(
    'ms; of one call, and in `rpc` mode of the whole chain',
  ),
  RELAY: onOff(true).describe('`off`: `npm run relay` publishes the outbox instead'),
  DATABASE_POOL_SIZE: integer({ min: 1, max: 1_000, default: 10 }).describe(
    'connections at most; the relay has one more',
  ),
  RELAY_POLL_MS: integer({ min: 1, max: 600_000, default: 1_000 }).describe(
    'ms; the longest an event waits when every hint was lost',
  ),
  RELAY_IN_FLIGHT: integer({ min: 1, max: 65_535, default: 1_000 }).describe(
    'events published and not yet confirmed, at most',
  ),
  RELAY_CONFIRM_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 5_000 }).describe(
    'ms; without a confirm for so long a publish counts as unknown, and is done again',
  ),
  RELAY_MAX_ATTEMPTS: integer({ min: 1, max: 1_000, default: 6 }).describe(
    'refusals by the broker until an event is parked',
  ),
  OUTBOX_NOTIFY: onOff(true).describe('relays in other processes are woken by NOTIFY; `off`: they poll'),
  OUTBOX_RETENTION_HOURS: integer({ min: 1, max: 87_600, default: 168 }).describe(
    'hours that published events are kept; inbox rows twice as long',
  ),
  BATCH_SIZE: integer({ min: 1, max: 10_000, default: 200 }).describe('inputs in one transaction, at most'),
  PREFETCH: integer({ min: 1, max: 65_535, default: 200 }).describe(
    'messages of one queue in hand at the same time, at most',
  ),
  RETRY_DELAYS_MS: delays([200, 1_000, 5_000, 30_000]).describe(
    'ms; how long each next retry waits. Part of the queues: the same in all services, and changed only with new queues',
  ),
  SHUTDOWN_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 10_000 }).describe(
    'ms; stopping that takes longer ends with exit code 1',
  ),
  RATE_LIMIT_PER_SECOND: integer({ min: 1, max: 1_000_000, default: 100 }).describe(
    'requests with the same Authorization header; those without one are not limited',
  ),
  EVENT_PUBLISHERS: z
    .string()
    .default('')
    .transform(readPublishers)
    .describe(
      "the broker user each service's events are believed from: `order=svc_order,user=svc_user`. One not named is not checked",
    ),
  FAULT: z
    .string()
    .default('')
    .transform(readFaults)
    .describe('for tests: what to do at the nth pass of a named point, as in `relay.afterConfirm:kill:3`'),
}

/** What commands read that look at a running system: the development servers when nothing is said. */
export const operatorSettings = {
  POSTGRES_URL: serverUrl
    .default('postgres://postgres@127.0.0.1:5432')
    .describe('the server with the three databases'),
  AMQP_URL: amqpUrl.default('amqp://guest:guest@127.0.0.1:5672').describe("as the services'"),
  SAGA_NAMESPACE: namespace.describe(
    "as the services'; also a prefix of the databases' names: `t1_saga_order`",
  ),
}

type Publishers = Partial<Record<(typeof services)[number], string>>
type Context = z.core.$RefinementCtx

/** `order=svc_order,user=svc_user`: the broker users whose events are believed, by service. */
function readPublishers(value: string, context: Context): Publishers {
  const publishers: Publishers = {}
  for (const part of value === '' ? [] : value.split(',')) {
    const [, name, user] = /^([a-z]+)=([A-Za-z0-9._-]{1,255})$/.exec(part) ?? []
    const service = services.find((one) => one === name)
    if (service === undefined || user === undefined || publishers[service] !== undefined) {
      const message = `must be SERVICE=BROKER_USER, comma separated, each of ${services.join(', ')} at most once`
      context.issues.push({ code: 'custom', message, input: undefined })
      return {}
    }
    publishers[service] = user
  }
  return publishers
}

type FaultKind = 'kill' | 'throw' | 'stop' | 'sleep'

/** `relay.afterConfirm:kill:3,product.events.OrderPlaced.afterInbox:sleep=500`: what to do at the nth pass (the first when not said) of a named point. */
function readFaults(value: string, context: Context) {
  const faults: { name: string; kind: FaultKind; ms: number; nth: number }[] = []
  for (const part of value === '' ? [] : value.split(',')) {
    const match = /^([A-Za-z0-9._-]+):(kill|throw|stop|sleep)(?:=(\d{1,7}))?(?::([1-9]\d{0,8}))?$/.exec(part)
    if (match === null || (match[3] !== undefined) !== (match[2] === 'sleep')) {
      const message =
        'must be NAME:KIND:NTH, comma separated; KIND is kill, throw, stop or sleep=MILLISECONDS'
      context.issues.push({ code: 'custom', message, input: undefined })
      return []
    }
    const [, name = '', kind, ms = '0', nth = '1'] = match
    faults.push({ name, kind: kind as FaultKind, ms: Number(ms), nth: Number(nth) })
  }
  return faults
}
