import { Refused } from '../../shared/failure/index.ts'
import { deadQueue } from '../../shared/messaging/index.ts'
import { type Broker, noQueue, withBroker } from './broker.ts'
import { queuesWithDeadLetters } from './dead-letters.ts'
import type { Settings } from './settings.ts'
import { say } from './terminal.ts'

/** The queues that are meant. Throws Refused for one that has no dead letters. */
export const queuesOf = (settings: Settings, queue: string | undefined): string[] => {
  const all = queuesWithDeadLetters(settings)
  if (queue === undefined) return all
  const whole = settings.sagaNamespace === '' ? queue : `${settings.sagaNamespace}.${queue}`
  const found = all.filter(
    (it) => [queue, whole, queue.replace(/\.dead$/, '')].includes(it) || it === whole.replace(/\.dead$/, ''),
  )
  if (found.length === 0)
    throw new Refused(
      'not_found',
      `There is no queue ${queue} with dead letters; there are ${all.join(', ')}.`,
      {
        code: 'outbox.no_queue',
        next: 'npm run outbox -- dead list',
      },
    )
  return found
}

const declare = 'npm run migrate declares it; check SAGA_NAMESPACE'

/** Those of the queues whose dead-letter queue is there; of the others it is said. Throws Refused when there is none. */
const present = async (broker: Broker, queues: readonly string[]): Promise<string[]> => {
  const there: string[] = []
  const missing: string[] = []
  for (const queue of queues)
    ((await broker.depthOf(deadQueue(queue))) === undefined ? missing : there).push(queue)
  if (there.length === 0) throw noQueue(deadQueue(missing[0] ?? ''), declare)
  for (const queue of missing) say(`${deadQueue(queue)} is not there; ${declare}`)
  return there
}

export const withDeadLetters = <Result>(
  settings: Settings,
  queues: readonly string[],
  use: (broker: Broker, queues: readonly string[]) => Promise<Result>,
): Promise<Result> => withBroker(settings, async (broker) => use(broker, await present(broker, queues)))
