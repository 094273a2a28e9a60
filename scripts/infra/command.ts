import { Command, CommanderError, Option } from 'commander'
import { describe, Unavailable } from '../../shared/failure/index.ts'
import { type Kind, kinds } from './source.ts'

/** What a command's process ends with. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  violations: 4,
  unavailable: 69,
  interrupted: 130,
} as const

/** A command whose help begins with examples. */
export const commandWithExamples = (name: string, does: string, examples: readonly string[]): Command =>
  new Command(name)
    .description(does)
    .addHelpText('before', `Examples:\n${examples.map((line) => `  ${line}`).join('\n')}\n`)
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()

/** `--infra <kind>`: only this way of having PostgreSQL and RabbitMQ. */
export const infraOption = (): Option =>
  new Option('--infra <kind>', 'have PostgreSQL and RabbitMQ only this way').choices(kinds)
export interface InfraFlag {
  infra?: Kind
}

/** Ctrl-C or SIGTERM came before the command had anything to stop. */
export class Interrupted extends Error {
  override message = 'interrupted'
}

/**
 * Parses the arguments, runs the command's action, and ends the process with the right code and, on failure, one line
 * on stderr: 2 wrong usage, 69 a dependency is unavailable, 130 interrupted, 1 anything else.
 */
export async function runCommand(command: Command): Promise<never> {
  try {
    await command.parseAsync()
    process.exit()
  } catch (error) {
    process.exit(codeOf(error))
  }
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  console.error(describe(error))
  if (error instanceof Interrupted) return exitCodes.interrupted
  return error instanceof Unavailable ? exitCodes.unavailable : exitCodes.failed
}
