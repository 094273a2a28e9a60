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

/** What every service reads. A service adds its own port: `z.object({ ...serviceSettings, PORT: port(8002) })`. */
export const serviceSettings = {
  SAGA_MODE: oneOf(modes, 'choreography'),
  DATABASE_URL: databaseUrl,
  AMQP_URL: amqpUrl,
  AMQP_MANAGEMENT_URL: managementUrl.optional(),
  PORT: port(0),
  HOST: host('127.0.0.1'),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
  SAGA_NAMESPACE: namespace,
  ORDER_DEADLINE_MS: integer({ min: 1, max: 30 * day, default: 60_000 }),
  RPC_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 5_000 }),
  RELAY: onOff(true),
  DATABASE_POOL_SIZE: integer({ min: 1, max: 1_000, default: 10 }),
  RELAY_POLL_MS: integer({ min: 1, max: 600_000, default: 1_000 }),
  RELAY_IN_FLIGHT: integer({ min: 1, max: 65_535, default: 1_000 }),
  RELAY_CONFIRM_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 5_000 }),
  RELAY_MAX_ATTEMPTS: integer({ min: 1, max: 1_000, default: 6 }),
  OUTBOX_NOTIFY: onOff(true),
  OUTBOX_RETENTION_HOURS: integer({ min: 1, max: 87_600, default: 168 }),
  BATCH_SIZE: integer({ min: 1, max: 10_000, default: 200 }),
  PREFETCH: integer({ min: 1, max: 65_535, default: 200 }),
  RETRY_DELAYS_MS: delays([200, 1_000, 5_000, 30_000]),
  SHUTDOWN_TIMEOUT_MS: integer({ min: 1, max: 600_000, default: 10_000 }),
  RATE_LIMIT_PER_SECOND: integer({ min: 1, max: 1_000_000, default: 100 }),
  EVENT_PUBLISHERS: z.string().default('').transform(readPublishers),
  FAULT: z.string().default('').transform(readFaults),
}

/** What commands read that look at a running system: the development servers when nothing is said. */
export const operatorSettings = {
  POSTGRES_URL: serverUrl.default('postgres://postgres@127.0.0.1:5432'),
  AMQP_URL: amqpUrl.default('amqp://guest:guest@127.0.0.1:5672'),
  SAGA_NAMESPACE: namespace,
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

/** `relay.confirmed:kill:3,inbox.saved:sleep=500`: what to do at the nth pass (the first when not said) of a named point. */
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
