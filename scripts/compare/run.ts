import type { Folder } from './folder.ts'
import { runLeg } from './leg.ts'
import { describeMachine, describeProject } from './machine.ts'
import { figuresOf } from './measures.ts'
import { renderReport } from './report/index.ts'
import type { Results, Settings } from './results.ts'
import { type ComparisonServers, startServers } from './servers.ts'
import { summarise } from './summarise.ts'
import { findSustained } from './sustain.ts'
import { createProgress } from './terminal.ts'

/** Settings before anything has run: the commit is not known yet, nor by how much the slowed side is slowed. */
export type Wanted = Omit<Settings, 'project'>

export interface RunOptions {
  folder: Folder
  /** Absent to go on with what the folder holds. */
  wanted?: Wanted
  sustain: boolean
  talk: { isTTY?: boolean; write(text: string): unknown }
  /** Aborts when the user wants to stop; what is finished is kept. */
  signal: AbortSignal
}

/** A B, B A, A B, ..: a machine that gets slower or faster on the way does so for each side alike. */
export const legOrder = <Side>(rounds: number, sides: readonly Side[]): { round: number; side: Side }[] =>
  Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) => {
    const ordered = round % 2 === 1 ? sides : [...sides].reverse()
    return ordered.map((side) => ({ round, side }))
  })

/** Runs the legs that the folder does not hold yet, then makes results and report from all. */
export const runComparison = async (options: RunOptions): Promise<Results> => {
  const { folder, wanted, sustain, talk, signal } = options
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  interrupted.catch(() => {})
  talk.write('starting a PostgreSQL and a RabbitMQ for this comparison alone\n')
  const servers = await startServers()
  try {
    const work = async () => {
      if (wanted) await begin(folder, wanted, servers, talk)
      const settings = await folder.settings()
      await runLegs(folder, settings, servers, talk, signal)
      if (sustain) await sustainAll(folder, settings, servers, talk)
    }
    await Promise.race([work(), interrupted])
  } finally {
    await servers.stop()
  }
  return writeResults(folder)
}

/** Makes results.json and report.html from the raw samples, and nothing else. */
export const writeResults = async (folder: Folder): Promise<Results> => {
  const results = summarise({
    settings: await folder.settings(),
    machine: await folder.machine(),
    legs: await folder.legs(),
    sustained: await folder.sustained(),
  })
  await folder.write('results.json', `${JSON.stringify(results, null, 2)}\n`)
  await folder.write('report.html', renderReport(results))
  return results
}

const begin = async (
  folder: Folder,
  wanted: Wanted,
  servers: ComparisonServers,
  talk: RunOptions['talk'],
): Promise<void> => {
  const settings: Settings = { ...wanted, project: await describeProject() }
  const machine = await describeMachine(servers)
  if (settings.kind === 'self-check') settings.sides = await slowedSides(folder, settings, servers, talk)
  await folder.begin(settings, machine)
}

const slowdown = 0.2

/** Measures how long settling takes, to know how many milliseconds a fifth of that is. */
const slowedSides = async (
  folder: Folder,
  settings: Settings,
  servers: ComparisonServers,
  talk: RunOptions['talk'],
): Promise<Settings['sides']> => {
  const [side] = settings.sides
  if (side === undefined) return []
  talk.write('measuring what 20 % is\n')
  const { leg, samples } = await runLeg({
    ...{ settings, side, round: 0, servers, logFolder: folder.legPath(0, side.key), onProgress: () => {} },
  })
  const median = figuresOf(samples, leg).settleP50
  if (typeof median !== 'number') throw new Error('no order settled, so there is nothing to slow down')
  const delayMs = Math.max(1, Math.round(median * slowdown))
  return settings.sides.map((one) =>
    one.delayMs === 0 ? one : { ...one, delayMs, name: `${one.name} by ${delayMs} ms` },
  )
}

const runLegs = async (
  folder: Folder,
  settings: Settings,
  servers: ComparisonServers,
  talk: RunOptions['talk'],
  signal: AbortSignal,
): Promise<void> => {
  const legs = legOrder(settings.rounds, settings.sides)
  const progress = createProgress(talk, legs.length * settings.orders)
  for (const [index, { round, side }] of legs.entries()) {
    if (signal.aborted || (await folder.has(round, side.key))) continue
    const label = `round ${round} of ${settings.rounds}, ${side.name}`
    const record = await runLeg({
      ...{ settings, side, round, servers, logFolder: folder.legPath(round, side.key) },
      onProgress: (what, sent) => progress.update(`${label}: ${what}`, index * settings.orders + sent),
    })
    await folder.keep(record)
  }
  progress.end()
}

const sustainAll = async (
  folder: Folder,
  settings: Settings,
  servers: ComparisonServers,
  talk: RunOptions['talk'],
): Promise<void> => {
  const done = await folder.sustained()
  const progress = createProgress(talk, 1)
  for (const side of settings.sides) {
    if (done.some((one) => one.side === side.key)) continue
    const logFolder = folder.legPath(0, `most-${side.key}`)
    const onProgress = (what: string) => progress.update(`the most it can take: ${what}`, 0)
    done.push(await findSustained({ settings, side, servers, logFolder, onProgress }))
    await folder.keepSustained(done)
  }
  progress.end()
}
