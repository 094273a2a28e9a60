import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'
import { findTestFiles, runTests } from './index.ts'

const head = "import { test } from 'uvu'\nimport * as assert from 'uvu/assert'\n"
const testing = join(projectRoot, 'shared/testing/skip-test.ts')
const samples: Record<string, string> = {
  'shared/good.test.ts': `${head}test('a', () => assert.ok(1))\ntest('b', () => assert.ok(1))\ntest.run()`,
  'shared/bad.test.ts': `${head}test('a', () => assert.ok(1))\ntest('b', () => assert.is(1, 2))\ntest.run()`,
  'shared/empty.test.ts': `${head}test.run()`,
  'shared/forgotten.test.ts': `${head}test('a', () => assert.ok(1))`,
  'shared/hook.test.ts': `${head}test.before(() => { throw new Error('x') })\ntest('a', () => assert.ok(1))\ntest.run()`,
  'shared/throws.test.ts': `${head}test('a', () => assert.ok(1))\nthrow new Error('while loading')\ntest.run()`,
  'shared/only.test.ts': `${head}test('a', () => assert.ok(1))\ntest.only('b', () => {})\ntest.run()`,
  'shared/silent-skip.test.ts': `${head}test('a', () => assert.ok(1))\ntest.skip('b', () => {})\ntest.run()`,
  'shared/skip.test.ts': `${head}import { skipTest } from '${testing}'\ntest('a', () => {})\nskipTest(test, 'b', 'no engine here')\ntest.run()`,
  'services/leak.test.ts': `${head}test('a', () => { setInterval(() => {}, 1000) })\ntest.run()`,
  'services/hang.test.ts': `// limit: 2 s\n${head}test('a', () => new Promise(() => { setInterval(() => {}, 1000) }))\ntest.run()`,
  'services/exits.test.ts': `${head}test('a', () => process.exit(0))\ntest.run()`,
  'test/modes.test.ts': `// limit: 60 s\n// modes: choreography, rpc\n${head}test('a', () => console.log('in ' + process.env.TEST_SAGA_MODE))\ntest('b', () => assert.is.not(process.env.TEST_SAGA_MODE, 'rpc'))\ntest.run()`,
  'test/alone.test.ts': `${head}test('a', () => assert.is(process.env.GIVEN, 'yes'))\ntest.run()`,
}

async function withSamples<Result>(use: (root: string) => Promise<Result>): Promise<Result> {
  const root = await mkdtemp(join(tmpdir(), 'runner-'))
  try {
    await symlink(join(projectRoot, 'node_modules'), join(root, 'node_modules'))
    await writeFile(join(root, 'package.json'), '{ "type": "module" }')
    for (const folder of ['shared', 'services', 'test']) await mkdir(join(root, folder))
    for (const [file, source] of Object.entries(samples)) await writeFile(join(root, file), source)
    return await use(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

async function run(
  filters: string[],
  more: NodeJS.ProcessEnv = {},
): Promise<{ fine: boolean; lines: string[] }> {
  return withSamples(async (root) => {
    const lines: string[] = []
    const print = (text: string): void => void lines.push(...text.split('\n'))
    const { TEST_SAGA_MODE: _, ...inherited } = process.env
    const env = { ...inherited, GIVEN: 'yes', ...more }
    const files = await findTestFiles(root, filters)
    return { fine: await runTests(files, { root, env, print, lingerSeconds: 1 }), lines }
  })
}

test('good files pass, and the last line counts them', async () => {
  const { fine, lines } = await run(['good', './test/alone', '/skip.test'])
  assert.ok(fine, lines.join('\n'))
  assert.is(lines.at(-1), '4 passed, 0 failed, 1 skipped')
  assert.ok(lines.includes('skipped: b: no engine here'))
})

const failing: [file: string, why: RegExp][] = [
  ['shared/bad.test.ts', /1 passed, 1 failed .*1 of its tests failed/],
  ['shared/empty.test.ts', /has no tests|no summary/],
  ['shared/forgotten.test.ts', /does not end with test\.run\(\)/],
  ['shared/hook.test.ts', /FAIL/],
  ['shared/throws.test.ts', /ended with code 1/],
  ['shared/only.test.ts', /1 skipped, but only 0 said why/],
  ['shared/silent-skip.test.ts', /1 skipped, but only 0 said why/],
  ['services/leak.test.ts', /leaked handle/],
  ['services/hang.test.ts', /took more than its limit of 2 s/],
  ['services/exits.test.ts', /ended with code 1 and no summary/],
]

test('a file that only seems to pass fails, each with its reason, and its whole output is shown', async () => {
  const { fine, lines } = await run(failing.map(([file]) => file))
  assert.not(fine)
  for (const [file, why] of failing) {
    const line = lines.find((text) => text.startsWith('FAIL') && text.includes(` ${file} `))
    assert.match(line ?? `no FAIL line for ${file}:\n${lines.join('\n')}`, why)
  }
  assert.match(lines.at(-1) ?? '', /^\d+ passed, 10 failed, \d+ skipped$/)
  assert.ok(lines.some((line) => line.includes('while loading')))
})

test('a file that promises several modes runs once in each, with a line for each', async () => {
  const { fine, lines } = await run(['test/modes'])
  assert.not(fine)
  const shown = lines.flatMap(
    (line) => /^(ok|FAIL) +(test\/\S+ \(\w+\))/.exec(line)?.slice(1).join(' ') ?? [],
  )
  assert.equal(shown.slice(0, 2), ['ok test/modes.test.ts (choreography)', 'FAIL test/modes.test.ts (rpc)'])
  assert.is(lines.at(-1), '3 passed, 1 failed, 0 skipped')
})

test('a mode that is asked for is the only one', async () => {
  const { fine, lines } = await run(['test/modes'], { TEST_SAGA_MODE: 'rpc' })
  assert.not(fine)
  assert.ok(lines.some((line) => line.startsWith('FAIL test/modes.test.ts  1 passed, 1 failed')))
  assert.is(lines.at(-1), '1 passed, 1 failed, 0 skipped')
})

test('no file is no success', async () => {
  const { fine, lines } = await run(['there-is-none'])
  assert.not(fine)
  assert.is(lines.at(-1), '0 passed, 0 failed, 0 skipped')
})

test.run()
