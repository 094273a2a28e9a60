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

/** A side in a process of its own: memory, garbage and compiled code are nobody else's. Throws what it said when it fails. */
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
    let answer: SideAnswer | undefined
    let said = ''
    child.stderr?.on('data', (text) => {
      said = `${said}${text}`.slice(-4_000)
    })
    child.on('message', (message: SideMessage) => {
      if ('outcome' in message) answer = message
      else onProgress?.(message.done, message.of)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (answer !== undefined) resolve(answer)
      else reject(new Error(`${part.name}, ${side.name}: ended with ${code}\n${said}`))
    })
  })
