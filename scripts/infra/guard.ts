import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Kills the process group `pid` when this process is gone, however that came about. Kill the guard when the group has ended.
 * How: its standard input is a pipe from us: it closes when we are gone, and only then does the shell go on to kill.
 */
export function startGuard(pid: number): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', `cat >/dev/null; kill -KILL -${pid} 2>/dev/null`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  ;(guard.stdin as unknown as { unref(): void }).unref()
  return guard
}
