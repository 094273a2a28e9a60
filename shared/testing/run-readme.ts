import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { environment } from '../config/index.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

const tsconfig = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
  include: ['**/*.ts'],
}

/** The TypeScript of a README, by the file that the first line of each snippet names: `// app.ts`. */
const filesIn = (readme: string): [path: string, text: string][] =>
  [...readme.matchAll(/^```ts\n\/\/ (\S+\.ts)\n(.*?)^```/gms)].map(([, path = '', text = '']) => [path, text])

const isTest = (path: string) => /\.test\.ts$|\/testing(\.ts$|$)/.test(path)

/**
 * Does what the README of a room says, in an empty project that knows only the packages: copies the rooms it names without their tests,
 * writes its snippets into the files they name, compiles all of it, and runs `app.ts`. Answers what that printed.
 */
export const runReadme = async (
  room: string,
  { copied, env = {} }: { copied: readonly string[]; env?: Record<string, string> },
): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), `${room}-readme-`))
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{"type": "module"}')
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    for (const name of copied) {
      const from = join(root, 'shared', name)
      const filter = (path: string) => !isTest(`/${relative(from, path)}`)
      await cp(from, join(folder, name), { recursive: true, filter })
    }
    for (const [path, text] of filesIn(await readFile(join(root, 'shared', room, 'README.md'), 'utf8'))) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    await run(process.execPath, [compiler, '-p', folder], { cwd: folder }).catch((error) => {
      throw new Error(error.stdout)
    })
    const app = [process.execPath, ['--import', 'tsx', 'app.ts']] as const
    const { stdout } = await run(...app, { cwd: folder, env: environment(env), timeout: 60_000 })
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
