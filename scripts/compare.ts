import { isAbsolute, join, relative } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { colorWanted } from '../shared/config/index.ts'
import { Refused } from '../shared/failure/index.ts'
import { readFaultProfile } from './compare/fault-file.ts'
import { faultProfiles } from './compare/faults.ts'
import { openFolder } from './compare/folder.ts'
import type { Results, Settings } from './compare/results.ts'
import { runComparison, type Wanted, writeResults } from './compare/run.ts'
import { createPaint, renderTerminal } from './compare/terminal.ts'
import { selfCheckPassed } from './compare/verdict.ts'
import {
  commandWithExamples,
  ensureClients,
  exitCodes,
  projectRoot,
  runCommand,
  shellWord,
} from './infra/index.ts'

interface Flags {
  orders: number
  rate: number
  rounds?: number
  seed: string
  fault: string
  users: number
  products: number
  deadline: number
  timeout: number
  warmUp: number
  out?: string
  resume?: string
  report?: string
  selfCheck?: boolean
  sustain?: boolean
  json?: boolean
}

const side = (key: string, name: string, mode: 'choreography' | 'rpc', delayMs = 0) => ({
  key,
  name,
  mode,
  delayMs,
})
const bothModes: Settings['sides'] = [
  side('choreography', 'choreography', 'choreography'),
  side('rpc', 'RPC', 'rpc'),
]
/** The slowed side's latency is measured before the first round. */
const selfCheckSides: Settings['sides'] = [
  side('first', 'choreography', 'choreography'),
  side('again', 'choreography again', 'choreography'),
  side('slowed', 'choreography slowed', 'choreography', 1),
]

const wholeFrom = (least: number) => (text: string) => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
}

const positive = (text: string) => {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a number above 0.')
}

const seed = (text: string) => {
  if (/^[\w.-]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 64 letters, digits, dots, dashes or underscores.')
}

const usualRounds = { modes: 4, 'self-check': 8 }

const wantedOf = async (flags: Flags): Promise<Wanted> => {
  const kind = flags.selfCheck ? 'self-check' : 'modes'
  const fault = await readFaultProfile(flags.fault, pathFrom)
  const { orders, rate, users, products, rounds = usualRounds[kind] } = flags
  const typed = [
    ...[`--orders ${orders}`, `--rate ${rate}`, `--rounds ${rounds}`, `--seed ${flags.seed}`],
    ...[`--users ${users}`, `--products ${products}`, `--warm-up ${flags.warmUp}`],
    ...[`--deadline ${flags.deadline}`, `--timeout ${flags.timeout}`, `--fault ${flags.fault}`],
    ...(flags.selfCheck ? ['--self-check'] : []),
    ...(flags.sustain ? ['--sustain'] : []),
  ]
  return {
    version: 1,
    kind,
    command: `npm run compare -- ${typed.join(' ')}`,
    ...{ seed: flags.seed, orders, rate, rounds, users, products, skew: 1 },
    ...{ doomedByStock: 0.1, doomedByMoney: 0.1, warmUpOrders: flags.warmUp },
    ...{ deadlineMs: flags.deadline, clientTimeoutMs: flags.timeout, fault },
    sides: flags.selfCheck ? selfCheckSides : bothModes,
  }
}

const newFolder = () => {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')
  return join('.data', 'comparisons', stamp)
}

/** Paths are meant from where npm was called; npm itself runs us in the project's folder. */
const pathFrom = (path: string) =>
  isAbsolute(path) ? path : join(process.env.INIT_CWD ?? process.cwd(), path)

const measure = async (flags: Flags): Promise<{ results: Results; path: string }> => {
  if (flags.report !== undefined) {
    const path = pathFrom(flags.report)
    return { results: await writeResults(openFolder(path)), path }
  }
  await ensureClients((line) => console.error(line))
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Interrupted('interrupted'))
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop)
  const path =
    flags.resume !== undefined
      ? pathFrom(flags.resume)
      : flags.out !== undefined
        ? pathFrom(flags.out)
        : join(projectRoot, newFolder())
  const common = {
    folder: openFolder(path),
    sustain: flags.sustain === true,
    talk: process.stderr,
    signal: stopping.signal,
  }
  if (flags.resume !== undefined) await common.folder.settings()
  const wanted = flags.resume === undefined ? { wanted: await wantedOf(flags) } : {}
  try {
    return { results: await runComparison({ ...common, ...wanted }), path }
  } catch (error) {
    const isBegun = await common.folder.settings().then(
      () => true,
      () => false,
    )
    if (error instanceof Interrupted && isBegun) error.next = `npm run compare -- --resume ${shown(path)}`
    throw error
  }
}

class Interrupted extends Error {
  /** Goes on with what is left; absent when nothing is kept yet. */
  next: string | undefined
}

/** As it can be typed where npm was called. */
const shown = (path: string) => shellWord(relative(process.env.INIT_CWD ?? process.cwd(), path))

const say = (flags: Flags, results: Results, path: string): void => {
  if (flags.json) console.log(JSON.stringify(results))
  else console.log(renderTerminal(results, createPaint(colorWanted(process.stdout))))
  console.error(`report: ${join(relative(process.cwd(), path), 'report.html')}`)
}

const run = async (flags: Flags): Promise<number> => {
  try {
    const { results, path } = await measure(flags)
    say(flags, results, path)
    if (results.settings.kind !== 'self-check' || flags.report !== undefined) return exitCodes.ok
    return selfCheckPassed(results) ? exitCodes.ok : exitCodes.violations
  } catch (error) {
    if (!(error instanceof Interrupted || error instanceof Refused)) throw error
    console.error([error.message, ...(error.next === undefined ? [] : [`next: ${error.next}`])].join('\n'))
    return error instanceof Interrupted ? exitCodes.interrupted : exitCodes.usage
  }
}

await runCommand(
  commandWithExamples(
    'npm run compare --',
    'Runs the system as choreography and as RPC under the same load and the same faults, and reports the difference.',
    [
      'npm run compare',
      'npm run compare -- --orders 2000 --rate 60 --rounds 6 --seed 7',
      'npm run compare -- --fault kill-user --out results/kill-user',
      'npm run compare -- --fault ./my-fault.json --json',
      'npm run compare -- --resume results/kill-user',
      'npm run compare -- --report results/kill-user',
      'npm run compare -- --self-check',
    ],
  )
    .option('--orders <count>', 'orders of each round', wholeFrom(1), 1_000)
    .option('--rate <rate>', 'orders a second, on average', positive, 40)
    .option('--rounds <count>', 'rounds of each side (4; 8 with --self-check)', wholeFrom(1))
    .option('--seed <seed>', 'the same seed gives the same workload', seed, '1')
    .option(
      '--fault <profile>',
      `what goes wrong: ${faultProfiles.map(({ name }) => name).join(', ')}, or a JSON file`,
      'none',
    )
    .option('--users <count>', 'how many users order', wholeFrom(1), 100)
    .option('--products <count>', 'how many products there are', wholeFrom(1), 50)
    .option('--warm-up <count>', 'orders before each round that do not count', wholeFrom(0), 100)
    .option('--deadline <ms>', 'when an unsettled order is given up', wholeFrom(1_000), 15_000)
    .option('--timeout <ms>', 'how long the client waits for an answer', wholeFrom(100), 10_000)
    .option('--sustain', 'also look for the highest rate each side holds')
    .option(
      '--self-check',
      'compare choreography with itself, and with itself slowed by 20 %; exit 4 if that is judged wrongly',
    )
    .option('--out <folder>', 'a new folder for raw samples and report (.data/comparisons/..)')
    .option('--resume <folder>', 'go on with a comparison that was cut short')
    .option('--report <folder>', 'make results and report again from the raw samples')
    .option('--json', 'results as JSON on stdout')
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      process.exitCode = await run(flags)
    }),
)
