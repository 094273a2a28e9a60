import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'

const testFiles = () =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.test.ts'], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')

const namesOn = (page: string): string[] => {
  const text = readFileSync(join(projectRoot, page), 'utf8').replaceAll(/\s+/g, ' ')
  return [...text.matchAll(/Shown by: (.*?)\.(?= |$)/g)].flatMap((it) =>
    [...(it[1] ?? '').matchAll(/"([^"]+)"/g)].map((name) => name[1] as string),
  )
}

const pages = [
  { page: 'docs/delivery.md', atLeast: 15 },
  { page: 'docs/operations.md', atLeast: 8 },
  { page: 'docs/from-calls-to-events.md', atLeast: 4 },
]

for (const { page, atLeast } of pages) {
  test(`every test that ${page} names is there, under that name`, () => {
    const code = testFiles()
      .map((file) => readFileSync(join(projectRoot, file), 'utf8'))
      .join('\n')
    const named = namesOn(page)
    assert.ok(named.length >= atLeast, `${named.length} names found`)
    for (const name of named) assert.ok(code.includes(name), `no test is called: ${name}`)
  })
}

test.run()
