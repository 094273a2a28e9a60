import { spawn } from 'node:child_process'
import { declared, nameOf, type Run } from './runs.ts'
import { type Counts, readCounts, verdict } from './verdict.ts'

/** What became of one run of a test file. */
export interface FileResult extends Counts {
  /** With the mode, if it was run in several. */
  file: string
  seconds: number
  /** Why the file failed; undefined when it passed. */
  failure: string | undefined
  output: string
}

export interface RunFileOptions {
  root: string
  env: NodeJS.ProcessEnv
  /** For a file that does not declare its own with `// limit: 300 s` in its first lines. */
  limitSeconds?: number
  /** How long a process may go on after its tests ended; what keeps it alive is a leaked handle. */
  lingerSeconds?: number
  signal?: AbortSignal
}

const defaultLimitSeconds = 240
const defaultLingerSeconds = 10

/** Runs one test file as a program of its own, in a process group that is killed as a whole when it takes too long. */
export async function runFile(run: Run, options: RunFileOptions): Promise<FileResult> {
  const began = performance.now()
  const { source } = run
  const file = nameOf(run)
  const seconds = (): number => (performance.now() - began) / 1000
  if (!/\.run\(\)/.test(source)) {
    const failure = 'its tests never run: it does not end with test.run()'
    return { file, seconds: seconds(), passed: 0, failed: 1, skipped: 0, failure, output: '' }
  }
  const ended = await runProcess(run, limitOf(source, options), options)
  const counts = readCounts(ended.output)
  const failure = ended.overdue ?? verdict(ended, counts)
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 0, skipped: 0 }
  return {
    file,
    seconds: seconds(),
    passed,
    skipped,
    failure,
    output: ended.output,
    failed: failure ? Math.max(failed, 1) : 0,
  }
}

function limitOf(source: string, options: RunFileOptions): number {
  const seconds = /^(\d+) s$/.exec(declared(source, 'limit') ?? '')
  return seconds ? Number(seconds[1]) : (options.limitSeconds ?? defaultLimitSeconds)
}

interface Ended {
  code: number | null
  output: string
  /** Set when we ended it, with the reason. */
  overdue: string | undefined
}

function runProcess({ file, mode }: Run, limitSeconds: number, options: RunFileOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: options.root,
      env: mode === undefined ? options.env : { ...options.env, TEST_SAGA_MODE: mode },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let overdue: string | undefined
    let lingering: NodeJS.Timeout | undefined
    const end = (reason: string): void => {
      overdue = reason
      killGroup(child.pid)
    }
    const limit = setTimeout(() => end(`took more than its limit of ${limitSeconds} s`), limitSeconds * 1000)
    const stop = (): void => end('stopped')
    options.signal?.addEventListener('abort', stop)
    const collect = (chunk: string): void => {
      output += chunk
      if (lingering || !readCounts(output)) return
      const linger = options.lingerSeconds ?? defaultLingerSeconds
      lingering = setTimeout(
        () => end(`still alive ${linger} s after its tests ended: a leaked handle`),
        linger * 1000,
      )
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', collect)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(limit)
      clearTimeout(lingering)
      options.signal?.removeEventListener('abort', stop)
      killGroup(child.pid) // what the file started and did not stop
      resolve({ code, output, overdue })
    })
  })
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // nothing is left of it
  }
}
