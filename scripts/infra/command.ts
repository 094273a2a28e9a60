import { Command, CommanderError, Option } from 'commander'
import { ConfigError } from '../../shared/config/index.ts'
import { describe, Refused, sqlState, Unavailable } from '../../shared/failure/index.ts'
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
 * Parses the arguments, runs the command's action, and ends the process with the right code and, on failure, one line on
 * stderr (of the environment one for each key), with the next step on another: 2 wrong usage, 69 a dependency is unavailable,
 * 78 the environment is not usable, 130 interrupted, 1 anything else.
 */
export async function runCommand(command: Command): Promise<never> {
  process.stdout.once('error', endAsBySignal).on('error', () => {})
  process.stderr.on('error', () => {})
  const code = await command.parseAsync().then(() => process.exitCode, codeOf)
  // What a slow reader has not taken yet would be cut off by the end of the process.
  await new Promise((resolve) => process.stdout.write('', resolve))
  process.exit(code)
}

/** Nobody reads stdout any more (`| head`): what has something to stop listens for SIGTERM, and all else ends here. */
function endAsBySignal(): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(exitCodes.failed)
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  sayError(error)
  if (error instanceof ConfigError) return error.exitCode
  if (error instanceof Interrupted) return exitCodes.interrupted
  return error instanceof Unavailable ? exitCodes.unavailable : exitCodes.failed
}

/** On stderr: one sentence (of the environment a line for each key, as the services say it), and on a line of its own what to do next. */
export function sayError(error: unknown): void {
  const isConfig = error instanceof ConfigError
  console.error(isConfig ? error.message : describe(error))
  const next = isConfig ? 'correct it; docs/environment.md says what each key takes' : nextOf(error)
  if (next !== undefined) console.error(`next: ${next}`)
}

const insufficientPrivilege = '42501'

const nextOf = (error: unknown): string | undefined => {
  if (error instanceof Refused || error instanceof Unavailable) return error.next
  const isForbidden = [error, (error as Error | null)?.cause].some(
    (it) => sqlState(it) === insufficientPrivilege,
  )
  return isForbidden ? 'name a user in the URL who may, such as the owner of the databases' : undefined
}
