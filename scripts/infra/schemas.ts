import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceName } from '../../shared/contracts/index.ts'

export const projectRoot = join(import.meta.dirname, '../..')

const schemaFile = (...path: string[]): string => join(projectRoot, 'prisma', ...path)

/** A service's whole Prisma schema: its own models, and the outbox and inbox that every service has. */
export async function composeSchema(service: ServiceName): Promise<string> {
  const parts = [schemaFile(service, 'schema.prisma'), schemaFile('outbox.prisma')]
  const texts = await Promise.all(parts.map((path) => readFile(path, 'utf8')))
  return texts.join('\n')
}

export const migrationsOf = (service: ServiceName): string => schemaFile(service, 'migrations')
