import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe } from '../../shared/failure/index.ts'

const maxBuffer = 64 * 1024 * 1024

/** Runs a program to its end. It is killed when it takes longer than `timeout`, in milliseconds. */
export const runProgram = (
  program: string,
  args: readonly string[],
  options: { timeout: number; cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<{ stdout: string }> => promisify(execFile)(program, args, { ...options, maxBuffer })

/** Why a program failed, in one line: npm says it first, Docker and apt say it last. */
export function reasonOf(error: unknown): string {
  const { killed, stderr = '' } = error as { killed?: boolean; stderr?: string }
  if (killed) return 'it took too long'
  const lines = stderr.trim().split('\n')
  return lines.find((line) => line.startsWith('npm error')) ?? (lines.at(-1) || describe(error))
}
