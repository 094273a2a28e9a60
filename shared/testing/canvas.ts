import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceName } from '../contracts/index.ts'
import type { Route } from '../http/index.ts'
import type { Row } from '../saga/index.ts'

/** What a service's one-page README lists, each sorted: tables, inputs, events, and routes as `GET /orders/:id`. */
export interface Canvas {
  owns: string[]
  hears: string[]
  says: string[]
  serves: string[]
}

const root = join(import.meta.dirname, '../..')

/** The first column of the README's four tables. */
export const writtenCanvas = async (service: ServiceName): Promise<Canvas> => {
  const readme = await readFile(join(root, 'services', service, 'README.md'), 'utf8')
  const column = (title: string) => {
    const section = readme.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? ''
    return found(section, /^\| `([^`]+)`/gm)
  }
  return { owns: column('Owns'), hears: column('Hears'), says: column('Says'), serves: column('Serves') }
}

/** The same from the code: the schema's tables, the choreography's rows, the routes. */
export const actualCanvas = async (
  service: ServiceName,
  rows: readonly Pick<Row<never>, 'input' | 'emits'>[],
  routes: readonly Route[],
): Promise<Canvas> => {
  const schema = await readFile(join(root, 'prisma', service, 'schema.prisma'), 'utf8')
  return {
    owns: found(schema, /^model \w+ \{[^}]*@@map\("(\w+)"\)/gm),
    hears: rows.map(({ input }) => input).sort(),
    says: [...new Set(rows.flatMap(({ emits }) => emits))].sort(),
    serves: routes.map(({ method, path }) => `${method} ${path}`).sort(),
  }
}

const found = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? '').sort()
