import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { exitCodes } from '../infra/command.ts'
import { say } from './terminal.ts'

/** Ctrl-C at a question: nothing was done. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

interface Terminal {
  input: Readable & { isTTY?: boolean }
  output: Writable & { isTTY?: boolean }
}

const here = (): Terminal => ({ input: process.stdin, output: process.stderr })

/** Whether there is somebody to ask. */
export const isAsked = (yes: boolean | undefined, { input, output }: Terminal = here()): boolean =>
  !yes && input.isTTY === true && output.isTTY === true

/**
 * Asks on a terminal; where nobody can be asked, what was typed is the answer. Anything but yes is no, the end of the input too.
 * Throws Interrupted at Ctrl-C.
 */
export const confirmed = async (
  question: string,
  yes: boolean | undefined,
  { input, output }: Terminal = here(),
): Promise<boolean> => {
  if (!isAsked(yes, { input, output })) return true
  const asking = createInterface({ input, output, terminal: true })
  try {
    const answer = await new Promise<string | undefined>((resolve, reject) => {
      asking.once('SIGINT', () => reject(new Interrupted('Interrupted: nothing was done.')))
      asking.once('close', () => resolve(undefined))
      asking.question(`${question} [y/N] `, resolve)
    })
    if (answer === undefined) output.write('\n')
    return /^y(es)?$/i.test(answer?.trim() ?? '')
  } catch (error) {
    output.write('\n')
    throw error
  } finally {
    asking.close()
  }
}

/** The end of a command whose question was answered with no. */
export const declined = (): number => {
  say('Nothing was done.')
  return exitCodes.failed
}
