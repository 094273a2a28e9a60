import { parkedLine } from './parked.ts'
import type { QueueStatus, ServiceStatus, Status } from './status.ts'
import { lasting, plural } from './terminal.ts'

const shownAggregates = 10

/** What a person reads. `noBroker`: what is said of a broker that could not be looked at. */
export const statusText = ({ services, broker }: Status, noBroker = 'not there'): string =>
  [
    ...services.flatMap(serviceLines),
    ...(broker === null ? [`broker: ${noBroker}`] : broker.queues.filter(isWorthALine).map(queueLine)),
    ...nextLines(services, broker?.queues ?? []),
  ].join('\n')

const serviceLines = (status: ServiceStatus): string[] => {
  const { service, pending, oldestPendingSeconds, publishedPerSecond, retrying, attempts, parked } = status
  const since = pending > 0 ? `, the oldest for ${lasting(oldestPendingSeconds)}` : ''
  const retries = retrying > 0 ? ` (${retrying} tried again, ${attempts} times in all)` : ''
  const first = `${service}: ${pending} pending${since}${retries}, ${publishedPerSecond.toFixed(1)} published/s, ${parked} parked`
  const aggregates = status.parkedAggregates
  const more = aggregates.length - shownAggregates
  return [
    first,
    ...aggregates.slice(0, shownAggregates).map(parkedLine),
    ...(more > 0 ? [`  and ${plural(more, 'more order')}`] : []),
  ]
}

/** Event queues always; the others when there is something to say. */
const isWorthALine = ({ queue, messages, retrying, dead }: QueueStatus): boolean =>
  queue.endsWith('.events') || messages === null || messages + retrying + dead > 0

const queueLine = ({ queue, messages, consumers, retrying, dead, deadByReason }: QueueStatus): string => {
  const reasons = Object.entries(deadByReason).map(([code, count]) => `${count} ${code}`)
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : ''
  const head = messages === null ? 'is not there' : `${messages} ready, ${plural(consumers ?? 0, 'consumer')}`
  return `${queue}: ${head}, ${retrying} on the retry ladder, ${dead} dead${why}`
}

const nextLines = (services: readonly ServiceStatus[], queues: readonly QueueStatus[]): string[] => [
  ...(services.some(({ parked }) => parked > 0)
    ? ['next: mend the cause, then npm run outbox -- retry']
    : []),
  ...(queues.some(({ dead }) => dead > 0) ? ['next: npm run outbox -- dead list'] : []),
  ...(queues.some(({ messages }) => messages === null)
    ? ['next: npm run migrate declares what is missing']
    : []),
]
