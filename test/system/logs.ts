import type { ServiceProcess } from './service-process.ts'

const bad =
  /unhandledRejection|uncaughtException|nobody caught|MaxListeners|Warning:|handler threw|handler-error|already a transaction in progress|panic|"fatal":true|listener threw/

/** No line tells of a defect, or a password. `expected` exempts what a test provokes. */
export const logsAreClean = (
  processes: readonly ServiceProcess[],
  password: string,
  expected?: RegExp,
): string[] =>
  processes.flatMap(({ name, lines }) =>
    lines
      .filter((line) => bad.test(line) || line.includes(`:${password}@`))
      .filter((line) => expected === undefined || !expected.test(line))
      .slice(0, 5)
      .map((line) => `I19 ${name} logged: ${line.slice(0, 400)}`),
  )
