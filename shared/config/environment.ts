import process from 'node:process'

/** The environment as it is now, for a child process: a copy, with the given keys set (undefined removes one). */
export const environment = (changes: Record<string, string | undefined> = {}): Record<string, string> => {
  const merged = { ...process.env, ...changes }
  const set = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(set)
}

/** Whether colours may be written to this stream: a terminal, and neither NO_COLOR nor TERM=dumb says otherwise. */
export const colorWanted = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean => {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true
  return stream.isTTY === true && env.TERM !== 'dumb'
}
