import type { z } from 'zod'
import { operatorSettings, serviceSettings } from '../../shared/config/index.ts'
import { ports } from '../../shared/service/index.ts'

/** A value that no setting takes: what it says against it is what it takes. */
const nonsense = ' '

const takes = (key: string, setting: z.ZodType): string => {
  const complaint = setting.safeParse(nonsense).error?.issues[0]?.message ?? ''
  const [, expected] = /^must be (?:a |an )?(.+)$/.exec(complaint) ?? []
  if (expected === undefined) throw new Error(`${key} does not say what it takes: ${complaint}`)
  return expected
}

/** As one writes it in the environment. */
const written = (value: unknown): string => {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (value === undefined || typeof value === 'object') return Object.values(value ?? {}).join()
  return String(value)
}

const byDefault = (key: string, setting: z.ZodType): string => {
  if (key === 'PORT')
    return Object.entries(ports)
      .map(([service, port]) => `${port} ${service}`)
      .join(', ')
  const { success, data } = setting.safeParse(undefined)
  if (!success) return '**required**'
  return written(data) === '' ? 'none' : `\`${written(data)}\``
}

const table = (settings: Readonly<Record<string, z.ZodType>>): string =>
  [
    '| key | default | meaning | takes |',
    '| --- | --- | --- | --- |',
    ...Object.entries(settings).map(([key, setting]) => {
      if (setting.description === undefined) throw new Error(`${key} has no description in shared/config`)
      return `| \`${key}\` | ${byDefault(key, setting)} | ${setting.description} | ${takes(key, setting)} |`
    }),
  ].join('\n')

export const settingsOfServices = (): string => table(serviceSettings)
export const settingsOfCommands = (): string => table(operatorSettings)
