import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { composeSchema, projectRoot } from './schemas.ts'

const run = promisify(execFile)
const stampOf = (service: ServiceName): string => join(projectRoot, 'generated', service, '.schema-sha256')

/** What a generated client depends on: the schema, and the generator's version. */
async function hashOf(service: ServiceName): Promise<string> {
  const { version } = createRequire(import.meta.url)('prisma/package.json') as { version: string }
  return createHash('sha256')
    .update(version)
    .update(await composeSchema(service))
    .digest('hex')
}

/** The services whose generated client is missing or was made from another schema. */
export async function staleClients(): Promise<ServiceName[]> {
  const stale = await Promise.all(
    services.map(async (service) => {
      const stamp = await readFile(stampOf(service), 'utf8').catch(() => '')
      return stamp !== (await hashOf(service))
    }),
  )
  return services.filter((_, index) => stale[index])
}

/** Makes `generated/<service>/client.ts` from the service's whole schema. */
export async function generateClient(service: ServiceName): Promise<void> {
  const hash = await hashOf(service)
  const schema = join(projectRoot, '.data/schema', service, 'schema.prisma')
  await mkdir(dirname(schema), { recursive: true })
  // The composed file lies one folder deeper than the source, so the output path in it needs one step more.
  const text = await composeSchema(service)
  await writeFile(schema, text.replace('"../../generated/', '"../../../generated/'))
  const cli = createRequire(import.meta.url).resolve('prisma/build/index.js')
  await run(process.execPath, [cli, 'generate', '--schema', schema, '--no-hints'], {
    cwd: projectRoot,
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: join(import.meta.dirname, 'schema-engine-stub.sh'),
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  })
  await writeFile(stampOf(service), hash)
}

/** Generates what is stale, all at once; `log` is told before the work begins, and not at all when there is none. */
export async function ensureClients(log: (line: string) => void): Promise<void> {
  const stale = await staleClients()
  if (stale.length === 0) return
  log(`generating the database clients: ${stale.join(', ')}`)
  await Promise.all(stale.map(generateClient))
}
