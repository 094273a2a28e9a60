import { services } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { eventQueue } from '../../shared/messaging/index.ts'
import { exitCodes } from '../infra/command.ts'
import type { Broker } from './broker.ts'
import {
  type DeadFilter,
  type DeadLetter,
  eachDeadLetter,
  isRedrivable,
  matchesDead,
} from './dead-letters.ts'
import { queuesOf, withDeadLetters } from './dead-queues.ts'
import { deadLine } from './dead-text.ts'
import { confirmed, declined, isAsked } from './question.ts'
import { redrive } from './redrive.ts'
import { guardCopies, guardProduction, interruptible, readSettings, type Settings } from './settings.ts'
import { plural, say } from './terminal.ts'

interface ChangeFlags extends DeadFilter {
  queue?: string
  dryRun?: true
  yes?: true
  env?: string
  json?: true
}

/** Gives back to their consumers what they gave up. */
export const redriveLetters = async (flags: ChangeFlags): Promise<number> => {
  const settings = readSettings()
  const all = queuesOf(settings, flags.queue)
  const queues = all.filter((queue) => isRedrivable(queue, settings))
  if (queues.length === 0)
    throw new Refused(
      'invalid',
      `What is dead of ${all.join(', ')} is requests: nobody waits for an answer any more.`,
      {
        code: 'outbox.requests',
        next: 'npm run outbox -- dead drop',
      },
    )
  for (const service of services)
    if (queues.includes(eventQueue(settings.sagaNamespace, service))) guardCopies(settings, service)
  return change(settings, queues, flags, {
    verb: 'give back',
    done: 'gave back',
    async apply(letter, broker) {
      const outcome = await redrive(letter, broker)
      if (outcome.kind === 'confirmed') return 'goes'
      say(`stays: ${deadLine(letter)}\n  ${outcome.kind}, ${outcome.reason}`)
      return outcome.kind === 'returned' ? 'none goes' : 'stays'
    },
    whatStays: 'npm run outbox -- dead show tells more; what can never be sent again is for dead drop',
  })
}

/** Removes dead letters for good. */
export const dropLetters = async (flags: ChangeFlags): Promise<number> => {
  const settings = readSettings()
  const { reason, type, order, id, queue } = flags
  const empty = [reason, type, order, id, queue].every((it) => it === undefined)
  if (empty && !flags.yes && !flags.dryRun)
    throw new Refused(
      'invalid',
      'This would remove every dead letter for good: name a filter, or say --yes.',
      {
        code: 'outbox.filter',
        next: 'npm run outbox -- dead drop --help',
      },
    )
  const queues = queuesOf(settings, flags.queue)
  return change(settings, queues, flags, { verb: 'remove', done: 'removed', apply: async () => 'goes' })
}

interface Result {
  queue: string
  letters: number
  stayed: number
}

interface Change {
  verb: string
  done: string
  apply(letter: DeadLetter, broker: Broker): Promise<Fate>
  /** What to do about letters that stay. */
  whatStays?: string
}

/** Whether the letter may go from its dead-letter queue, or not even those after it. */
type Fate = 'goes' | 'stays' | 'none goes'

const change = async (
  settings: Settings,
  queues: readonly string[],
  flags: ChangeFlags,
  { verb, done, apply, whatStays }: Change,
): Promise<number> => {
  if (!flags.dryRun) guardProduction(settings, flags.env)
  return withDeadLetters(settings, queues, async (broker, present) => {
    if (!flags.dryRun && !(await mayChange(broker, present, flags, verb))) return declined()
    const signal = interruptible()
    const results: Result[] = []
    for (const queue of present) {
      const result: Result = { queue, letters: 0, stayed: 0 }
      results.push(result)
      const staying = new Set<string | undefined>()
      let isOver = false
      await eachDeadLetter(
        broker,
        queue,
        async (letter) => {
          if (isOver || !matchesDead(letter, flags)) return 'keep'
          // What comes after one that stays must not overtake it within its order.
          const isBehind = letter.orderId !== undefined && staying.has(letter.orderId)
          const fate = flags.dryRun ? 'goes' : isBehind ? 'stays' : await apply(letter, broker)
          if (fate !== 'goes') {
            result.stayed += 1
            staying.add(letter.orderId)
            isOver = fate === 'none goes'
            return 'keep'
          }
          result.letters += 1
          if (!flags.json) console.log(`${flags.dryRun ? `would ${verb}` : done} ${deadLine(letter)}`)
          return flags.dryRun ? 'keep' : 'remove'
        },
        { signal },
      )
    }
    report(results, flags, flags.dryRun ? `would ${verb}` : done)
    const anyStayed = results.some(({ stayed }) => stayed > 0)
    if (anyStayed && whatStays !== undefined) say(`next: ${whatStays}`)
    if (signal.aborted) return exitCodes.interrupted
    return anyStayed ? exitCodes.failed : exitCodes.ok
  })
}

const report = (results: readonly Result[], { dryRun, json }: ChangeFlags, did: string) => {
  const letters = results.reduce((sum, result) => sum + result.letters, 0)
  if (json) console.log(JSON.stringify({ dryRun: dryRun === true, letters, queues: results }))
  else console.log(`${did} ${plural(letters, 'dead letter')}`)
}

/** The question says how many they are. */
const mayChange = async (broker: Broker, queues: readonly string[], flags: ChangeFlags, verb: string) => {
  if (!isAsked(flags.yes)) return true
  let letters = 0
  for (const queue of queues)
    await eachDeadLetter(broker, queue, (letter) => {
      if (matchesDead(letter, flags)) letters += 1
      return 'keep'
    })
  const question = `${verb.slice(0, 1).toUpperCase()}${verb.slice(1)} ${plural(letters, 'dead letter')}?`
  return letters === 0 || confirmed(question, flags.yes)
}
