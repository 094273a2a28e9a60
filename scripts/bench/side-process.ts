import { fork } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from '../infra/index.ts'
import type { Part, Side, SideAnswer } from './part.ts'
import { profiling, type SceneSettings, type Tell } from './scene.ts'

/** What a side says to its parent. */
export type SideMessage = SideAnswer | { done: number; of: number }

export interface SideOptions {
  scene: SceneSettings
  signal: AbortSignal
  onProgress?: Tell
}

const msPerMinute = 60_000

/**
 * A side in a process of its own: memory, garbage and compiled code are nobody else's. Throws what it said when it fails, and when it
 * takes too long: a broker without room on its disk lets publishers wait for ever. The process is gone afterwards.
 */
export const runSide = (part: Part, side: Side, { scene, signal, onProgress }: SideOptions) =>
  new Promise<SideAnswer>((resolve, reject) => {
    const child = fork(
      join(import.meta.dirname, 'run-side.ts'),
      [part.name, side.key, JSON.stringify(scene)],
      {
        cwd: projectRoot,
        execArgv: ['--import', 'tsx', ...profiling(scene, `${part.name}-${side.key}`)],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        signal,
      },
    )
    const { mostMinutes = 10 } = part
    let answer: SideAnswer | undefined
    let failure: Error | undefined
    let said = ''
    child.stderr?.on('data', (text) => {
      said = `${said}${text}`.slice(-4_000)
    })
    child.on('message', (message: SideMessage) => {
      if ('outcome' in message) answer = message
      else onProgress?.(message.done, message.of)
    })
    const fail = (reason: string) => new Error(`${part.name}, ${side.name}: ${reason}`)
    const end = () => {
      failure = fail(`did not end within ${mostMinutes} minutes\n${said}`)
      child.kill('SIGKILL')
    }
    const limit = mostMinutes === Infinity ? undefined : setTimeout(end, mostMinutes * msPerMinute)
    child.on('error', (error) => {
      failure ??= error
      if (child.pid === undefined) reject(failure)
    })
    child.on('exit', (code, endedBy) => {
      clearTimeout(limit)
      if (failure !== undefined) reject(failure)
      else if (answer !== undefined) resolve(answer)
      else reject(fail(`ended with ${code ?? endedBy}\n${said}`))
    })
  })
