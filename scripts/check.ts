import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { commandWithExamples, exitCodes, projectRoot, runCommand } from './infra/index.ts'

/** Each check is a program of its own, run by this Node so that nothing has to be on PATH. */
const checks: { name: string; program: string; args: readonly string[] }[] = [
  { name: 'types', program: 'typescript/bin/tsc', args: ['-p', '.', '--pretty', 'false'] },
  {
    name: 'format and lint',
    program: '@biomejs/biome/bin/biome',
    args: ['check', '--error-on-warnings', '.'],
  },
  {
    name: 'room rules',
    program: 'dependency-cruiser/bin/dependency-cruise.mjs',
    args: [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err-long',
      'shared',
      'services',
      'scripts',
      'test',
    ],
  },
]

interface Checked {
  ok: boolean
  output: string
}

function runCheck(program: string, args: readonly string[]): Promise<Checked> {
  const path = join(projectRoot, 'node_modules', program)
  const options = { cwd: projectRoot, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...args], options, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: `${stdout}${stderr}`.trim() })
    })
  })
}

const command = commandWithExamples(
  'npm run check',
  'Types, format and lint, and the rules of who may import whom.',
  ['npm run check', 'npm run format'],
).action(async () => {
  const results = await Promise.all(checks.map(({ program, args }) => runCheck(program, args)))
  for (const [index, { ok, output }] of results.entries()) {
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${checks[index]?.name}`)
    if (!ok) console.log(output)
  }
  process.exitCode = results.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.violations
})

await runCommand(command)
