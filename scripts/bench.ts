import { randomBytes } from 'node:crypto'
import { relative } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { describe } from '../shared/failure/index.ts'
import { openFolder } from './bench/folder.ts'
import { judge } from './bench/judge.ts'
import type { Part } from './bench/part.ts'
import { parts } from './bench/parts.ts'
import { installPeers } from './bench/peers.ts'
import { type Failure, roundsOf, runParts } from './bench/run-parts.ts'
import type { Tell } from './bench/scene.ts'
import { type BenchServers, benchServers, clearRun, dropDatabases } from './bench/servers.ts'
import { runSide } from './bench/side-process.ts'
import { markdownOf, markdownOfFailure, markdownOfSettings } from './bench/table.ts'
import { createProgress, describeMachine, describeProject } from './compare/index.ts'
import {
  commandWithExamples,
  ensureClients,
  exitCodes,
  type InfraFlag,
  infraOption,
  runCommand,
} from './infra/index.ts'
import { createProgress as createBar } from './outbox/progress.ts'

interface Flags extends InfraFlag {
  rounds: number
  scale: number
  bytes: number
  rate?: number
  side: string[]
  peers?: boolean
  profile?: boolean
  json?: boolean
}

const namesOf = (wanted: readonly Part[]) => wanted.map(({ name }) => name).join(', ')

const log = (line: string) => console.error(line)

const chosen = (names: readonly string[], { peers, side }: Pick<Flags, 'peers' | 'side'>): Part[] =>
  parts
    .filter(({ name, onlyNamed }) => (names.length === 0 ? !onlyNamed : names.includes(name)))
    .map((part) => ({
      ...part,
      sides: part.sides.filter(
        ({ kind, key }) => (kind !== 'rival' || peers === true) && (side.length === 0 || side.includes(key)),
      ),
    }))
    .filter(({ sides }) => sides.length > 0)

/** A bar of its own, with the time left, for a side that tells how far it is. */
const barOf = (label: string): Tell => {
  let bar: ReturnType<typeof createBar> | undefined
  return (done, of) => {
    bar ??= createBar(label, of, done)
    bar.show(done)
  }
}

const measure = async (wanted: readonly Part[], flags: Flags, servers: BenchServers, signal: AbortSignal) => {
  const { rounds, scale, bytes, rate, profile } = flags
  const { stop: _, ...addresses } = servers
  const namespace = `bench_${randomBytes(4).toString('hex')}`
  const folder = await openFolder(new Date())
  const runs = wanted.reduce((sum, part) => sum + part.sides.length * roundsOf(part, rounds), 0)
  const progress = createProgress(process.stderr, runs)
  let begun = 0
  try {
    const failures: Failure[] = []
    const samples = await runParts(wanted, {
      rounds,
      keep: folder.keep,
      signal,
      failed: (failure) => {
        failures.push(failure)
        log(`failed: ${failure.reason}`)
      },
      begins: (part, side, round) => {
        progress.update(`${part.name}, round ${round} of ${roundsOf(part, rounds)}: ${side.name}`, begun)
        begun += 1
      },
      runSide: async (part, side) => {
        const scene = {
          ...addresses,
          namespace,
          runName: `${namespace}_${begun}`,
          scale,
          bytes,
          ...(rate !== undefined && { rate }),
          ...(profile && { profileIn: folder.path }),
        }
        try {
          return await runSide(part, side, { scene, signal, onProgress: barOf(part.name) })
        } catch (error) {
          await clearRun(scene).catch((left) => log(`not all of it could be removed: ${describe(left)}`))
          throw error
        }
      },
    })
    const results = {
      project: await describeProject(),
      machine: await describeMachine({
        postgres: { url: servers.postgresUrl },
        broker: { url: servers.amqpUrl },
      }),
      settings: { rounds, scale, bytes, rate },
      failures,
      parts: wanted.map((part) => judge(part, samples)),
    }
    await folder.write('results.json', `${JSON.stringify(results, null, 2)}\n`)
    const head = markdownOfSettings({ rounds, scale, bytes })
    const table = [head, ...results.parts.map(markdownOf), ...failures.map(markdownOfFailure)].join('\n')
    await folder.write('table.md', table)
    return { results, table, path: folder.path }
  } finally {
    progress.end()
    await dropDatabases(servers.postgresUrl, namespace)
  }
}

const sidesOf = ({ name, sides }: Part) => `${name}: ${sides.map(({ key }) => key).join(', ')}`

/** In one line what is asked for and is not there. */
const wrongIn = (names: readonly string[], flags: Flags): string | undefined => {
  const part = names.find((name) => !parts.some((it) => it.name === name))
  if (part !== undefined) return `there is no part ${part}; there are ${namesOf(parts)}`
  const wanted = chosen(names, { peers: true, side: [] })
  const sides = wanted.flatMap((it) => it.sides)
  for (const key of flags.side) {
    const found = sides.filter((side) => side.key === key)
    if (found.length === 0) return `there is no side ${key}; there are ${wanted.map(sidesOf).join('; ')}`
    if (!flags.peers && found.every(({ kind }) => kind === 'rival'))
      return `the side ${key} is a rival: it runs with --peers`
  }
  return undefined
}

const run = async (names: readonly string[], flags: Flags): Promise<number> => {
  const wrong = wrongIn(names, flags)
  if (wrong !== undefined) {
    log(wrong)
    return exitCodes.usage
  }
  if (flags.peers) installPeers(log)
  await ensureClients(log)
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort())
  let servers: BenchServers | undefined
  try {
    servers = await benchServers(flags.infra, log, stopping.signal)
    stopping.signal.throwIfAborted()
    const { results, table, path } = await measure(chosen(names, flags), flags, servers, stopping.signal)
    console.log(flags.json ? JSON.stringify(results, null, 2) : table)
    log(`raw samples: ${relative(process.cwd(), path)}`)
    return results.failures.length === 0 ? exitCodes.ok : exitCodes.failed
  } catch (error) {
    if (stopping.signal.aborted) return exitCodes.interrupted
    throw error
  } finally {
    await servers?.stop()
  }
}

const wholeFrom = (least: number, most: number) => (text: string) => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
}

const upToOne = (text: string) => {
  const factor = Number(text)
  if (factor > 0 && factor <= 1) return factor
  throw new InvalidArgumentError('It must be above 0, and at most 1.')
}

await runCommand(
  commandWithExamples(
    'npm run bench --',
    'Holds the parts of the system against their limits and their rivals, in one run; single figures depend on the machine.',
    [
      'npm run bench',
      'npm run bench -- relay latency',
      'npm run bench -- relay --peers --rounds 5',
      'npm run bench -- relay --bytes 4000 --json',
      'npm run bench -- relay --side ours --rounds 1 --profile',
      'npm run bench -- soak --scale 0.1 --rate 100',
    ],
  )
    .argument(
      '[parts...]',
      `what to measure: ${namesOf(parts)}; when none is named, all but ${namesOf(parts.filter(({ onlyNamed }) => onlyNamed))}`,
    )
    .option('--rounds <n>', 'how often each side runs', wholeFrom(1, 100), 3)
    .option('--scale <factor>', 'less work for a quick look: 0.1 is a tenth', upToOne, 1)
    .option('--bytes <n>', 'size of an event, in relay, latency and scale', wholeFrom(20, 100_000), 400)
    .option('--rate <n>', 'orders a second of the soak; found out when not said', wholeFrom(1, 100_000))
    .option('--peers', 'also what a team would take instead; installs it beside the project')
    .option(
      '--side <key>',
      'this side only (see below); may be given again',
      (key, all: string[]) => [...all, key],
      [],
    )
    .option('--profile', 'keep CPU profiles of the sides and their services with the raw samples')
    .option('--json', 'print the results as JSON')
    .addOption(infraOption())
    .addHelpText(
      'after',
      `\nSides:\n${parts.map((part) => `  ${sidesOf(part)}`).join('\n')}\n\nA run that names no part takes about half an hour on two cores; --rounds 1 a third of that, --scale 0.1 --rounds 1 a few minutes.`,
    )
    .action(async (names: string[], flags: Flags) => {
      process.exitCode = await run(names, flags)
    }),
)
