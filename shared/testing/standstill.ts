import { readdir, readFile } from 'node:fs/promises'
import { eventually } from './eventually.ts'

/** Resolves when SIGSTOP has reached every thread of the process: the signal is sent long before all of them stand still. */
export const standstill = async (pid: number): Promise<void> => {
  await eventually(async () => (await threadStates(pid)).every((state) => state === 'T'), { everyMs: 2 })
}

const threadStates = async (pid: number): Promise<string[]> => {
  const tasks = `/proc/${pid}/task`
  const stats = (await readdir(tasks)).map((id) => readFile(`${tasks}/${id}/stat`, 'utf8'))
  // The state follows the command's name, which may hold anything but ends with the last bracket.
  return (await Promise.all(stats)).map((stat) => stat.slice(stat.lastIndexOf(') ') + 2)[0] ?? '')
}
