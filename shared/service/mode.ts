import type { Mode } from '../contracts/index.ts'

/** What is different between the modes, one for each. */
export type ByMode<Choice> = Readonly<Record<Mode, Choice>>

/** THE mode look-up: everything that depends on SAGA_MODE is chosen here, once, when a service is put together. */
export const choose =
  (mode: Mode) =>
  <Choice>(choices: ByMode<Choice>): Choice =>
    choices[mode]
