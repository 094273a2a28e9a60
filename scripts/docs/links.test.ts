import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'

const pages = () =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: projectRoot,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .filter((page) => existsSync(join(projectRoot, page)))

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const anchorsIn = (text: string) =>
  [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)].map((it) => anchorOf(it[1] as string))

/** Links inside the project: the page, and the heading when there is one. */
const linksIn = (text: string) =>
  [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/\]\(([^)\s#:]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path = '', anchor]) => ({ path, anchor }),
  )

test('every link of a document leads to a file, and to a heading of it', () => {
  const wrong: string[] = []
  let followed = 0
  for (const page of pages()) {
    for (const { path, anchor } of linksIn(readFileSync(join(projectRoot, page), 'utf8'))) {
      followed += 1
      const target = path === '' ? page : join(dirname(page), path)
      const file = join(projectRoot, target)
      if (!existsSync(file)) wrong.push(`${page}: ${path}`)
      else if (anchor !== undefined && !anchorsIn(readFileSync(file, 'utf8')).includes(anchor))
        wrong.push(`${page}: ${path}#${anchor}`)
    }
  }
  assert.ok(followed > 50, `${followed} links`)
  assert.equal(wrong, [])
})

test.run()
