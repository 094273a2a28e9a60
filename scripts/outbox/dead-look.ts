import { exitCodes } from '../infra/command.ts'
import { type DeadFilter, type DeadLetter, eachDeadLetter, matchesDead } from './dead-letters.ts'
import { queuesOf, withDeadLetters } from './dead-queues.ts'
import { deadLine, deadText, plainLetter } from './dead-text.ts'
import { readSettings } from './settings.ts'
import { createJsonList, say } from './terminal.ts'

interface ShowFlags {
  queue?: string
  json?: true
}

interface ListFlags extends DeadFilter, ShowFlags {
  limit: number
}

/** Lists what is dead, and how much of it by queue and reason. */
export const listLetters = async (flags: ListFlags): Promise<number> => {
  const settings = readSettings()
  await withDeadLetters(settings, queuesOf(settings, flags.queue), async (broker, queues) => {
    const out = flags.json ? createJsonList({}, 'letters') : undefined
    const tally: Record<string, Record<string, number>> = {}
    for (const queue of queues) {
      const look = await eachDeadLetter(
        broker,
        queue,
        (letter) => {
          if (!matchesDead(letter, flags)) return 'keep'
          if (out) out.add(plainLetter(letter))
          else console.log(deadLine(letter))
          tally[queue] ??= {}
          tally[queue][letter.code] = (tally[queue][letter.code] ?? 0) + 1
          return 'keep'
        },
        { most: flags.limit },
      )
      if (look.there > look.seen) say(`${queue}: looked at ${look.seen} of ${look.there}`)
    }
    if (out) return out.end({ queues: tally })
    if (Object.keys(tally).length === 0) console.log('no dead letters')
    for (const [queue, codes] of Object.entries(tally))
      console.log(
        `${queue}: ${Object.entries(codes)
          .map(([code, count]) => `${count} ${code}`)
          .join(', ')}`,
      )
  })
  return exitCodes.ok
}

/** Prints all that is known of a message that is dead, once for each queue that gave it up. */
export const showLetters = async (id: string, flags: ShowFlags): Promise<number> => {
  const settings = readSettings()
  const found: DeadLetter[] = []
  await withDeadLetters(settings, queuesOf(settings, flags.queue), async (broker, queues) => {
    for (const queue of queues)
      await eachDeadLetter(broker, queue, (letter) => {
        if (letter.id === id) found.push(letter)
        return 'keep'
      })
  })
  if (found.length === 0) {
    say(`There is no dead letter with the id ${id}.\nnext: npm run outbox -- dead list`)
    return exitCodes.failed
  }
  if (flags.json)
    console.log(
      JSON.stringify(
        found.map((it) => plainLetter(it, true)),
        null,
        2,
      ),
    )
  else console.log(found.map(deadText).join('\n\n'))
  return exitCodes.ok
}
