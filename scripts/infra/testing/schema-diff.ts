import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'

type EngineModule = typeof import('@prisma/schema-engine-wasm/schema_engine_bg')

/** As far as we use it; TypeScript knows WebAssembly only together with the browser's library. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(
      bytes: Uint8Array,
      imports: object,
    ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>
  }
}

/** Prisma's schema engine as WebAssembly: the binary of the same name is not to be had from the npm registry. */
async function loadEngine(): Promise<EngineModule> {
  const path = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const engine = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const bytes = await readFile(path.replace(/\.js$/, '.wasm'))
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': engine })
  const glue = engine as unknown as { __wbg_set_wasm(exports: unknown): void }
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return engine
}

/**
 * For each Prisma schema (its text) the SQL that makes an empty database into it, as `prisma migrate` would write it.
 * `url` is any PostgreSQL that answers: the engine asks it for its version and changes nothing.
 * The engine can be loaded once in a process, so pass all schemas at once.
 */
export async function sqlFromEmpty(schemas: string[], url: string): Promise<string[]> {
  const { SchemaEngine } = await loadEngine()
  const adapter = bindMigrationAwareSqlAdapterFactory(
    new PrismaPg({ connectionString: url, allowExitOnIdle: true }),
  )
  const scripts: string[] = []
  for (const content of schemas) {
    const engine = await SchemaEngine.new({ datamodels: [['schema.prisma', content]] }, () => {}, adapter)
    const { stdout } = await engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    })
    scripts.push(`${(stdout ?? '').trim()}\n`)
  }
  return scripts
}
