import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'
import { findTestFiles } from '../test-runner/index.ts'

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')

const pages = [
  'README.md',
  ...readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** Where each command is executed: a test that runs it, or the script that every change has to pass. */
const executedIn: Record<string, readonly string[]> = {
  start: ['scripts/start.test.ts'],
  test: ['.ci/run', 'scripts/test-runner/test-runner.test.ts'],
  check: ['.ci/run'],
  order: ['scripts/service.test.ts'],
  product: ['scripts/service.test.ts'],
  user: ['scripts/service.test.ts'],
}

const commandsIn = (text: string) =>
  [...text.matchAll(/npm (?:run )?(?:-s )?([a-z]+)(?: --(?= ))?/g)].map((it) => it[1] as string)

test('every npm command in the documents exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const known = new Set([...Object.keys(scripts), 'ci', 'install', 'run'])
  for (const page of pages) {
    for (const command of commandsIn(read(page))) assert.ok(known.has(command), `${page}: npm run ${command}`)
  }
})

test('every npm command in the README is executed by a test or by the check of every change', async () => {
  const tests = [
    ...(await findTestFiles(projectRoot, ['scripts/', 'test/'])),
    ...(await findTestFiles(projectRoot, [], 'proofs')),
  ].map(read)
  for (const command of new Set(commandsIn(read('README.md')))) {
    const places = executedIn[command]
    if (places !== undefined) {
      for (const place of places)
        assert.ok(existsSync(join(projectRoot, place)), `${place} runs npm ${command}`)
      continue
    }
    const runs = new RegExp(`['"\`]${command}['"\`]|scripts/${command}\\.ts|npm run ${command}\\b`)
    assert.ok(
      tests.some((text) => runs.test(text)),
      `no test runs npm run ${command}`,
    )
  }
})

test.run()
