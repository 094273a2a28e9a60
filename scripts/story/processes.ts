import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { pause } from '../../shared/failure/index.ts'
import { projectRoot, type Servers, startServiceProcess } from '../infra/index.ts'

const readyWithinMs = 60_000
const stopWithinMs = 9_000
const lastLines = 5

export interface Processes {
  /** Resolves when every service answers /readyz with 200. Throws with the last lines of the log of one that ended instead. */
  ready(): Promise<void>
  /** Resolves with the name of the first service that ends by itself. */
  firstEnd: Promise<ServiceName>
  stop(): Promise<void>
}

/** Where a service of a system logs, from the project's root: `product.log`, or `t1_product.log` in the namespace t1. */
export const logFileOf = (service: ServiceName, namespace: string): string =>
  join('.data', 'logs', `${namespace === '' ? '' : `${namespace}_`}${service}.log`)

/** Without what is said while all is stopped: the reason stands before it. */
const endOf = (file: string) =>
  readFileSync(join(projectRoot, file), 'utf8')
    .trim()
    .split('\n')
    .filter((line) => !line.includes('"msg":"stopping"'))
    .slice(-lastLines)
    .join('\n')

/** Starts the three services as processes of their own; what they log goes to files of their own. */
export const startProcesses = (
  servers: Servers,
  namespace: string,
  urls: Record<ServiceName, string>,
): Processes => {
  mkdirSync(join(projectRoot, '.data', 'logs'), { recursive: true })
  const running = services.map((service) => {
    const log = openSync(join(projectRoot, logFileOf(service, namespace)), 'w')
    const child = startServiceProcess(service, 'main', servers, namespace, {
      output: log,
      port: Number(new URL(urls[service]).port),
    })
    closeSync(log)
    return { service, child, ended: once(child, 'exit') }
  })

  const ready = async ({ service, child }: (typeof running)[number]) => {
    const deadline = performance.now() + readyWithinMs
    while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
      const answer = await fetch(`${urls[service]}/readyz`).catch(() => undefined)
      if (answer?.ok) return
      await pause(50)
    }
    const file = logFileOf(service, namespace)
    throw new Error(`the ${service} service did not get ready; the end of its log (${file}):\n${endOf(file)}`)
  }

  return {
    async ready() {
      await Promise.all(running.map(ready))
    },
    firstEnd: Promise.race(running.map(({ service, ended }) => ended.then(() => service))),
    async stop() {
      await Promise.all(running.map(({ child, ended }) => stopOne(child, ended)))
    },
  }
}

const stopOne = async (child: ChildProcess, ended: Promise<unknown>) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await Promise.race([ended, pause(stopWithinMs)])
  child.kill('SIGKILL')
  await ended
}
