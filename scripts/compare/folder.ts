import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Refused } from '../../shared/failure/index.ts'
import { Leg, Machine, type Results, Settings, Sustained } from './results.ts'
import { readSamples, writeSamples } from './samples.ts'
import type { LegRecord } from './summarise.ts'

/** Where a comparison is kept: what was asked for, the raw samples of each leg, and what was made of them. */
export interface Folder {
  path: string
  /** Where one leg's files and the services' logs go. */
  legPath(round: number, side: string): string
  settings(): Promise<Settings>
  machine(): Promise<Results['machine']>
  begin(settings: Settings, machine: Results['machine']): Promise<void>
  has(round: number, side: string): Promise<boolean>
  keep(record: LegRecord): Promise<void>
  legs(): Promise<LegRecord[]>
  keepSustained(sustained: readonly Sustained[]): Promise<void>
  sustained(): Promise<Sustained[]>
  write(name: string, text: string): Promise<void>
}

const settingsFile = 'settings.json'
const machineFile = 'machine.json'
const sustainedFile = 'sustained.json'
/** Written last and moved into place, so a leg that was cut short has none and is run again. */
const legFile = 'leg.json'
const samplesFile = 'samples.ndjson'

export const openFolder = (path: string): Folder => {
  const legPath = (round: number, side: string) =>
    join(path, 'legs', `round-${String(round).padStart(2, '0')}-${side}`)
  const write = async (name: string, text: string) => {
    await writeFile(join(path, `${name}.new`), text)
    await rename(join(path, `${name}.new`), join(path, name))
  }
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  const read = <Value>(name: string, schema: z.ZodType<Value>) => readJson(join(path, name), schema)
  const present = (file: string) => readFile(file, 'utf8').catch(() => undefined)

  return {
    path,
    legPath,
    settings: () => read(settingsFile, Settings),
    machine: () => read(machineFile, Machine),
    begin: async (settings, machine) => {
      await mkdir(path, { recursive: true })
      if ((await present(join(path, settingsFile))) !== undefined) {
        throw new Refused('conflict', `${path} holds a comparison already`, {
          code: 'compare.folder_taken',
          next: `npm run compare -- --resume ${path}, or another --out`,
        })
      }
      await write(machineFile, json(machine))
      await write(settingsFile, json(settings))
    },
    has: async (round, side) => (await present(join(legPath(round, side), legFile))) !== undefined,
    keep: async ({ leg, samples }) => {
      const folder = legPath(leg.round, leg.side)
      await mkdir(folder, { recursive: true })
      await writeSamples(join(folder, samplesFile), samples)
      const own = folder.slice(path.length + 1)
      await write(join(own, legFile), json(leg))
    },
    legs: async () => {
      const names = (await readdir(join(path, 'legs')).catch(() => [])).sort()
      const records = names.map(async (name) => {
        const folder = join(path, 'legs', name)
        if ((await present(join(folder, legFile))) === undefined) return []
        const leg = await readJson(join(folder, legFile), Leg)
        return [{ leg, samples: await readSamples(join(folder, samplesFile)) }]
      })
      return (await Promise.all(records)).flat()
    },
    keepSustained: (sustained) => write(sustainedFile, json(sustained)),
    sustained: async () => {
      const there = (await present(join(path, sustainedFile))) !== undefined
      return there ? read(sustainedFile, z.array(Sustained)) : []
    },
    write,
  }
}

const readJson = async <Value>(file: string, schema: z.ZodType<Value>): Promise<Value> => {
  const refuse = (what: string, cause: unknown): never => {
    throw new Refused(
      'invalid',
      `${file} ${what}: this is not the folder of a comparison, or of another version`,
      {
        code: 'compare.folder_unreadable',
        next: 'name the folder that --out named',
        cause,
      },
    )
  }
  const text = await readFile(file, 'utf8').catch((error: unknown) => refuse("can't be read", error))
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    return refuse('is not as it should be', error)
  }
}
