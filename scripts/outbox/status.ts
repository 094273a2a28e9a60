import type { ServiceName } from '../../shared/contracts/index.ts'
import { retryQueue } from '../../shared/messaging/index.ts'
import { readGauges, type Sql } from '../../shared/outbox/index.ts'
import type { Broker } from './broker.ts'
import type { OutboxDatabase } from './databases.ts'
import { eachDeadLetter, queuesWithDeadLetters } from './dead-letters.ts'
import { type ParkedAggregate, parkedAggregates } from './parked.ts'
import type { Settings } from './settings.ts'

export interface ServiceStatus {
  service: ServiceName
  /** Rows that wait for the relay; counting stops at 10,000, as for parked. */
  pending: number
  oldestPendingSeconds: number
  /** Over the last ten seconds. */
  publishedPerSecond: number
  /** Waiting rows that were refused before, and how often in all. */
  retrying: number
  attempts: number
  parked: number
  parkedAggregates: ParkedAggregate[]
}

export interface QueueStatus {
  queue: string
  /** Messages that are ready, and consumers; null when there is no such queue. */
  messages: number | null
  consumers: number | null
  /** On the retry ladder. */
  retrying: number
  dead: number
  /** Dead letters by reason code; of very many only the oldest are looked at. */
  deadByReason: Record<string, number>
}

export interface BrokerStatus {
  queues: QueueStatus[]
}

export interface Status {
  at: Date
  services: ServiceStatus[]
  broker: BrokerStatus | null
}

const rateSeconds = 10
const mostDead = 1_000

const activity = `
  select
    (select count(*)::float8 / ${rateSeconds} from outbox
      where published_at > clock_timestamp() - interval '${rateSeconds} seconds') as "publishedPerSecond",
    (select count(*)::int from outbox where published_at is null and parked_at is null and attempts > 0) as retrying,
    (select coalesce(sum(attempts), 0)::int from outbox where published_at is null and parked_at is null and attempts > 0)
      as attempts`

export const readServiceStatus = async ({ service, sql }: OutboxDatabase): Promise<ServiceStatus> => {
  const gauges = await readGauges(sql)
  const [active] = await (sql as Sql).$queryRawUnsafe<
    Pick<ServiceStatus, 'publishedPerSecond' | 'retrying' | 'attempts'>[]
  >(activity)
  return { service, ...gauges, ...active!, parkedAggregates: await parkedAggregates(sql) }
}

export const readBrokerStatus = async (broker: Broker, settings: Settings): Promise<BrokerStatus> => {
  const queues: QueueStatus[] = []
  for (const queue of queuesWithDeadLetters(settings)) {
    const depth = await broker.depthOf(queue)
    let retrying = 0
    for (let step = 1; step <= settings.retryDelaysMs.length; step += 1) {
      const ladder = await broker.depthOf(retryQueue(queue, step))
      if (ladder === undefined) break
      retrying += ladder.messages
    }
    const deadByReason: Record<string, number> = {}
    const look = await eachDeadLetter(
      broker,
      queue,
      ({ code }) => {
        deadByReason[code] = (deadByReason[code] ?? 0) + 1
        return 'keep'
      },
      { most: mostDead },
    )
    const { messages = null, consumers = null } = depth ?? {}
    queues.push({ queue, messages, consumers, retrying, dead: look.there, deadByReason })
  }
  return { queues }
}
