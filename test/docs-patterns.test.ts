import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'docs/patterns')
const read = (path: string) => readFile(path, 'utf8')

interface Quote {
  source: string
  lines: string[]
}

const quoted = /<!-- quoted from (\S+) -->\n```\w+\n(.*?)\n```/gs
const trimmed = (text: string) => text.split('\n').map((line) => line.trim())

const quotesOf = (page: string): Quote[] =>
  [...page.matchAll(quoted)].map(([, source = '', text = '']) => ({ source, lines: trimmed(text) }))

/** Whether the lines stand one after another in the source, whatever their indentation. */
const stands = (lines: readonly string[], source: string): boolean => {
  const all = trimmed(source)
  return all.some((_, start) => lines.every((line, offset) => all[start + offset] === line))
}

test('every snippet of a page on a pattern is in the file it is quoted from', async () => {
  const pages = (await readdir(folder)).sort()
  assert.equal(pages, ['default-exchange.md', 'fanout.md', 'rpc.md', 'topic.md'])
  for (const page of pages) {
    const text = await read(join(folder, page))
    const quotes = quotesOf(text)
    assert.ok(quotes.length >= 2, `${page} quotes executed code`)
    assert.is(quotes.length, text.match(/^```ts/gm)?.length ?? 0, `${page}: every snippet names its file`)
    for (const { source, lines } of quotes)
      assert.ok(
        stands(lines, await read(join(root, source))),
        `${page}: ${source} no longer says\n${lines.join('\n')}`,
      )
  }
})

test('a snippet that was changed in one place is noticed', () => {
  assert.ok(stands(['b', 'c'], ' a\n  b\n c\n'))
  assert.not(stands(['b', 'd'], 'a\nb\nc\n'))
  assert.not(stands(['a', 'c'], 'a\nb\nc\n'))
})

test.run()
